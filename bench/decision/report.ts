/**
 * The report: `bench/decision/RESULTS.md`.
 *
 * @module
 */
import { percentile } from '../statistics.ts'

/** What came of one case. */
export interface Row {
  readonly title: string
  readonly layer: string
  readonly kind: string
  readonly lanes: number
  /** Milliseconds of each decision. */
  readonly times: readonly number[]
  /** Decisions that found their answer elsewhere, and are not counted. */
  readonly elsewhere: number
  /** Milliseconds. */
  readonly bar: number
}

const columns = ['answer found in', 'credential', 'at once', 'decisions', 'p50', 'p99', 'max', 'bar for p99', '']

/** The head of the table. */
export const head: readonly string[] = [line(columns), line(columns.map(() => '---'))]

/** A line of the table. */
export function rowOf({ title, kind, lanes, times, elsewhere, bar }: Row): string {
  const { p50, p99, most } = summed(times)
  const counted = elsewhere === 0 ? String(times.length) : `${times.length} (and ${elsewhere} found elsewhere)`
  const shown = [p50, p99, most].map(milliseconds)
  const outcome = p99 < bar ? 'met' : `**missed** by ${(p99 / bar).toFixed(1)}×`
  return line([title, kind, String(lanes), counted, ...shown, `< ${bar} ms`, outcome])
}

/** What `--json` keeps of a line; times in milliseconds. */
export function figuresOf({ times, ...row }: Row): Record<string, unknown> {
  return { ...row, decisions: times.length, ...summed(times) }
}

export function report(circumstances: readonly string[], rows: readonly Row[]): string {
  return `${[
    '# The decision alone',
    '',
    'Written by `npm run bench:decision`. A gate of a real file, a real Redis and a real Postgres on the same machine; each line',
    'is how long `decide()` takes in the process: admission, route, credential, grants, permission, a limit in memory, headers.',
    'A session takes two lookups one after the other, the session and what its person may do; an API key takes one.',
    '',
    ...circumstances,
    '',
    ...head,
    ...rows.map(rowOf),
  ].join('\n')}\n`
}

function summed(times: readonly number[]) {
  const sorted = Float64Array.from(times).sort()
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), most: percentile(sorted, 1) }
}

function milliseconds(time: number): string {
  return `${time.toFixed(time < 0.1 ? 4 : 2)} ms`
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
