/**
 * Tables of the report.
 *
 * @module
 */
import type { Verdict } from './bars.ts'
import { groups, type Group } from './candidate.ts'
import { cpuOf, nameOf, type Result } from './result.ts'
import { median, spread } from '../statistics.ts'

const whole = (value: number) => Math.round(value).toLocaleString('en')

/** The bars, each met or missed. */
export function barsTable(verdicts: readonly Verdict[]): string[] {
  const rows = verdicts.map(({ what, limit, figure, verdict }) => `| ${what} | ${limit} | ${figure} | ${verdict} |`)
  return ['| what | bar | measured | |', '|---|--:|--:|---|', ...rows]
}

/** A table for each group that took part, under its heading. */
export function loadTables(results: readonly Result[]): string[] {
  const names = Object.keys(groups) as Group[]
  return names.flatMap((group) => {
    const own = results.filter((result) => result.group === group && result.loads.length > 0)
    if (own.length === 0) return []
    const unit = group === 'websocket' ? 'message' : 'request'
    return [
      `### ${groups[group][0]?.toUpperCase()}${groups[group].slice(1)}`,
      '',
      `| | ${unit}s/s | CPU µs per ${unit} (least–most) | RSS MiB at start | under load, most | peak |`,
      '|---|--:|--:|--:|--:|--:|',
      ...own.map(loadRow),
      '',
    ]
  })
}

function loadRow(result: Result): string {
  const { title, loads, memory } = result
  const rate = whole(median(loads.map((one) => one.rate)))
  if (memory === undefined) return `| ${title} | ${rate} | – | – | – | – |`
  const [least, most] = spread(cpuOf(result)).map((value) => value.toFixed(1))
  const load = whole(Math.max(...loads.map(({ rss }) => rss)))
  const cpu = `**${median(cpuOf(result)).toFixed(1)}** (${least}–${most})`
  return `| ${title} | ${rate} | ${cpu} | ${whole(memory.start)} | ${load} | ${whole(memory.peak)} |`
}

/** Percentiles by rate, milliseconds. */
export function waitTable(results: readonly Result[]): string[] {
  const rows = results.flatMap((result) =>
    Object.entries(result.paced).map(([rate, waits]) => {
      const of = (at: 'p50' | 'p99' | 'p999') => (median(waits.map((one) => one[at])) / 1000).toFixed(2)
      const answered = 100 * median(waits.map((one) => one.answered))
      const failed = waits.reduce((sum, one) => sum + one.failed, 0)
      const short = failed > 0 ? `${answered.toFixed(0)} %, ${failed} refused` : `${answered.toFixed(0)} %`
      return `| ${nameOf(result)} | ${whole(Number(rate))} | ${of('p50')} | ${of('p99')} | ${of('p999')} | ${short} |`
    }),
  )
  return ['| | requests/s | p50 ms | p99 ms | p99.9 ms | answered |', '|---|--:|--:|--:|--:|--:|', ...rows]
}

const layerNames: Readonly<Record<string, string>> = { l1: 'memory', l2: 'Redis', source: 'the source itself' }

/** What answered the lookups of those who had any. */
export function layerTable(results: readonly Result[]): string[] {
  const rows = results
    .filter(({ layers }) => Object.keys(layers).length > 0)
    .map((result) => `| ${nameOf(result)} | ${Object.entries(result.layers).map(inWords).join('; ')} |`)
  return rows.length === 0 ? [] : ['| | which cache was answered by what |', '|---|---|', ...rows]
}

function inWords([name, share]: readonly [name: string, share: number]): string {
  const [cache = '', layer = ''] = name.split(' ')
  return `${cache}: ${(100 * share).toFixed(1)} % ${layerNames[layer] ?? layer}`
}
