/**
 * The table of measured faults, from the lines that `test/support/figures.ts` wrote.
 *
 * @module
 */
import type { Figure, Totals } from '../support/figures.ts'

/** Reads the lines, in the order of their rows: F2 before F10. */
export function readFigures(text: string): Figure[] {
  const figures = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Figure)
  return figures.toSorted((a, b) => a.row.localeCompare(b.row, 'en', { numeric: true }))
}

/** What all rows asked for, and how much of it failed. */
export function sumOf(figures: readonly Figure[]): Totals {
  const totals = figures.flatMap((figure) => figure.totals ?? [])
  return {
    total: totals.reduce((sum, { total }) => sum + total, 0),
    failed: totals.reduce((sum, { failed }) => sum + failed, 0),
  }
}

/** A markdown table. */
export function tableOf(figures: readonly Figure[]): string {
  const lines = figures.map(({ row, figures: measured, totals }) => {
    const facts = Object.entries(measured).map(([name, value]) => `${name.replaceAll('_', ' ')}: ${value}`)
    const failed = totals === undefined ? '' : `${totals.failed} of ${totals.total}`
    return `| ${row} | ${facts.join(', ')} | ${failed} |`
  })
  return ['| fault | measured | failed |', '|---|---|---|', ...lines].join('\n')
}
