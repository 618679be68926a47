/**
 * The picture of a soak: memory, sockets and delays over time, with the faults behind them.
 *
 * @module
 */
import type { Held } from './probe.ts'
import { neighbours } from './repertoire.ts'
import type { SoakRecord } from './run.ts'

const WIDTH = 960
const PANEL = 150
const LEFT = 60
const RIGHT = 20
const GAP = 30
const LANES = 14
const POINTS = 480

const colours = { redis: '#c8553d', postgres: '#3d6fc8', keys: '#7a9e3f', service: '#8a5fbf' } as const

interface Line {
  readonly name: string
  readonly colour: string
  readonly of: (held: Held) => number
}

const panels: readonly { readonly title: string; readonly lines: readonly Line[] }[] = [
  {
    title: 'memory, MiB',
    lines: [
      { name: 'resident', colour: '#1b1b1b', of: ({ rss }) => rss },
      { name: 'heap in use', colour: '#999', of: ({ heap }) => heap },
    ],
  },
  {
    title: 'sockets and timers',
    lines: [
      { name: 'sockets', colour: '#1b1b1b', of: ({ sockets }) => sockets },
      { name: 'timers', colour: '#999', of: ({ timers }) => timers },
    ],
  },
  {
    title: 'event loop late, p99 of each second, ms',
    lines: [{ name: 'late', colour: '#1b1b1b', of: ({ delay }) => delay }],
  },
]

/** Draws it as SVG. */
export function plot({ held, spells, from, to }: SoakRecord): string {
  const span = to - from
  const x = (time: number) => LEFT + (Math.min(Math.max(time, 0), span) / span) * (WIDTH - LEFT - RIGHT)
  const top = GAP + neighbours.length * LANES + GAP
  const height = top + panels.length * (PANEL + GAP)
  const lanes = spells.map(({ neighbour, what, from: began, to: ended }) => {
    const [start, end] = [x(began - from), x(ended - from)]
    const lane = GAP + neighbours.indexOf(neighbour) * LANES
    return `<rect x="${round(start)}" y="${lane}" width="${round(Math.max(1, end - start))}" height="${LANES - 3}" fill="${colours[neighbour]}"><title>${neighbour}: ${what}</title></rect>`
  })
  const names = neighbours.map((name, index) => label(LEFT - 6, GAP + index * LANES + 9, name, 'end'))
  const drawn = panels.map((panel, index) => draw(panel, { held, x, y: top + index * (PANEL + GAP) }))
  const minutes = label(WIDTH - RIGHT, height - 8, `${round(span / 60_000)} minutes`, 'end')
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="11">`
  const ground = `<rect width="${WIDTH}" height="${height}" fill="white"/>`
  return [open, ground, label(LEFT, 16, 'faults'), ...names, ...lanes, ...drawn, minutes, '</svg>', ''].join('\n')
}

interface Place {
  readonly held: readonly Held[]
  readonly x: (time: number) => number
  readonly y: number
}

function draw({ title, lines }: (typeof panels)[number], { held, x, y }: Place): string {
  const most = Math.max(1, ...lines.flatMap((line) => held.map(line.of)))
  const down = (value: number) => y + PANEL - (value / most) * PANEL
  const paths = lines.map(({ colour, of }) => {
    const points = thinned(held).map(([first, ...rest]) => {
      const highest = Math.max(of(first), ...rest.map(of)) // a peak is not thinned away
      return `${round(x(first.time))},${round(down(highest))}`
    })
    return `<polyline fill="none" stroke="${colour}" points="${points.join(' ')}"/>`
  })
  const frame = `<rect x="${LEFT}" y="${y}" width="${WIDTH - LEFT - RIGHT}" height="${PANEL}" fill="none" stroke="#ccc"/>`
  const legend = lines.map(({ name }) => name).join(', ')
  const scale = [label(LEFT - 6, y + 10, String(Math.ceil(most)), 'end'), label(LEFT - 6, y + PANEL, '0', 'end')]
  return [frame, label(LEFT, y - 6, `${title} (${legend})`), ...scale, ...paths].join('\n')
}

/** What was held, in as many pieces as can be told apart. */
function thinned(held: readonly Held[]): readonly (readonly [Held, ...Held[]])[] {
  const size = Math.ceil(held.length / POINTS)
  return [...Map.groupBy(held.entries(), ([index]) => Math.floor(index / size)).values()].flatMap((some) => {
    const [first, ...rest] = some.map(([, one]) => one)
    return first === undefined ? [] : [[first, ...rest] as const]
  })
}

function label(x: number, y: number, text: string, anchor = 'start'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="#444">${text}</text>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
