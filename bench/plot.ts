/**
 * Plots as SVG, for reports: bars with whiskers, and lines over steps.
 *
 * @module
 */
const WIDTH = 960
const ROW = 24
const TOP = 44
const LABEL = 430
const FIGURE = 110
const PLOT = 300
const colours = ['#c8553d', '#3d6fc8', '#7a9e3f', '#8a5fbf', '#1b1b1b', '#d19a2e', '#3a9d9d']

export interface PlottedBar {
  readonly label: string
  readonly value: number
  /** Ends of the whisker. */
  readonly least: number
  readonly most: number
  /** Drawn in the colour that stands out. */
  readonly own?: boolean
}

/** Horizontal bars, one below the other; what is best is shortest. */
export function plotBars(title: string, unit: string, bars: readonly PlottedBar[]): string {
  const scale = (WIDTH - LABEL - FIGURE) / Math.max(1e-9, ...bars.map(({ most }) => most))
  const drawn = bars.flatMap(({ label, value, least, most, own = false }, index) => {
    const [y, from, to] = [TOP + index * ROW, LABEL + least * scale, LABEL + most * scale]
    const middle = y + ROW / 2 - 2
    return [
      text(LABEL - 8, middle + 4, label, 'end'),
      `<rect x="${LABEL}" y="${y}" width="${short(value * scale)}" height="${ROW - 6}" fill="${own ? colours[0] : '#a9b4c2'}"/>`,
      `<path d="M${short(from)} ${middle}H${short(to)}M${short(from)} ${middle - 4}v8M${short(to)} ${middle - 4}v8" stroke="#1b1b1b" fill="none"/>`,
      text(LABEL + Math.max(value, most) * scale + 6, middle + 4, `${written(value)} ${unit}`),
    ]
  })
  return svg(title, TOP + bars.length * ROW + 10, drawn)
}

export interface PlottedLine {
  readonly label: string
  /** One for each step; undefined where nothing was measured. */
  readonly values: readonly (number | undefined)[]
}

/** Lines over a few steps, with a logarithmic scale from bottom to top. */
export function plotLines(title: string, steps: readonly string[], lines: readonly PlottedLine[]): string {
  const all = lines.flatMap(({ values }) => values.filter((value) => value !== undefined))
  const [low, high] = [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))]
  const right = WIDTH - LABEL
  const x = (step: number) => 70 + (step / Math.max(1, steps.length - 1)) * (right - 110)
  const y = (value: number) => TOP + PLOT - ((Math.log10(value) - low) / Math.max(1, high - low)) * PLOT
  const grid = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)).flatMap((value) => [
    `<path d="M60 ${short(y(value))}H${right - 30}" stroke="#ddd" fill="none"/>`,
    text(54, y(value) + 4, value.toLocaleString('en'), 'end'),
  ])
  const axis = steps.map((step, index) => text(x(index), TOP + PLOT + 20, step, 'middle'))
  const drawn = lines.flatMap(({ label, values }, index) => {
    const colour = colours[index % colours.length]
    const points = values.flatMap((value, step) =>
      value === undefined ? [] : [`${short(x(step))},${short(y(value))}`],
    )
    const legend = TOP + 10 + index * 20
    return [
      `<polyline points="${points.join(' ')}" stroke="${colour}" stroke-width="2" fill="none"/>`,
      ...points.map((point) => `<circle cx="${point.replace(',', '" cy="')}" r="3" fill="${colour}"/>`),
      `<rect x="${right}" y="${legend - 4}" width="14" height="3" fill="${colour}"/>`,
      text(right + 20, legend, label),
    ]
  })
  return svg(title, TOP + PLOT + 34, [...grid, ...axis, ...drawn])
}

export interface PlottedTime {
  readonly title: string
  /** One for each step; undefined where nothing was measured. */
  readonly values: readonly (number | undefined)[]
  /** Ends of the scale. */
  readonly from: number
  readonly to: number
  readonly log?: boolean
}

/** Panels below each other, over the same seconds. */
export function plotTime(title: string, seconds: number, panels: readonly PlottedTime[]): string {
  const [left, height, gap] = [60, 150, 44]
  const x = (second: number) => left + (second / Math.max(1, seconds - 1)) * (WIDTH - left - 20)
  const drawn = panels.flatMap(({ title: name, values, from, to, log = false }, index) => {
    const top = TOP + 16 + index * (height + gap)
    const scale = log ? Math.log10 : (value: number) => value
    const share = (value: number) => (scale(value) - scale(from)) / (scale(to) - scale(from))
    const y = (value: number) => top + height - Math.min(1, Math.max(0, share(value))) * height
    const points = values.flatMap((value, second) =>
      value === undefined ? [] : [`${short(x(second))},${short(y(value))}`],
    )
    return [
      text(left, top - 8, name),
      `<rect x="${left}" y="${top}" width="${WIDTH - left - 20}" height="${height}" fill="none" stroke="#ccc"/>`,
      text(left - 6, top + 10, String(to), 'end'),
      text(left - 6, top + height, String(from), 'end'),
      `<polyline points="${points.join(' ')}" stroke="${colours[index % colours.length]}" stroke-width="1.5" fill="none"/>`,
    ]
  })
  const bottom = TOP + 16 + panels.length * (height + gap)
  return svg(title, bottom, [...drawn, text(WIDTH - 20, bottom - 20, `${seconds} s`, 'end')])
}

function svg(title: string, height: number, parts: readonly string[]): string {
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`
  const ground = `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`
  const heading = `<text x="12" y="22" font-size="14" fill="#1b1b1b">${escaped(title)}</text>`
  return [open, ground, heading, ...parts, '</svg>', ''].join('\n')
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end' = 'start'): string {
  return `<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}" fill="#333">${escaped(words)}</text>`
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** A figure beside its bar. */
function written(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1)
}

/** A coordinate. */
function short(value: number): string {
  return String(Math.round(value * 10) / 10)
}
