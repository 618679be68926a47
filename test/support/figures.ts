/**
 * Figures that a fault test measured: a line of JSON each, in the file that `HEIMDALL_FIGURES` names.
 *
 * Without the variable nothing is written; `npm run test:system` sets it and makes the table from it.
 *
 * @module
 */
import { appendFileSync } from 'node:fs'

/** What was asked where an answer could have been given, and how much of it failed. */
export interface Totals {
  readonly total: number
  readonly failed: number
}

/** One line of the file. */
export interface Figure {
  /** `F2`, as in the names of the tests. */
  readonly row: string
  /** By name, with the unit in the name: `{ base_p99_ms: 3.1 }`. */
  readonly figures: Readonly<Record<string, number | string>>
  readonly totals?: Totals
}

/** Notes what a test of a row measured; numbers are kept to three digits after the point. */
export function report(row: string, figures: Figure['figures'], totals?: Totals): void {
  const path = process.env['HEIMDALL_FIGURES']
  if (path === undefined || path === '') return
  const short = Object.entries(figures).map(([name, value]) => [name, rounded(value)])
  const line: Figure = { row, figures: Object.fromEntries(short), ...(totals === undefined ? {} : { totals }) }
  appendFileSync(path, `${JSON.stringify(line)}\n`)
}

function rounded(value: number | string): number | string {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value
}
