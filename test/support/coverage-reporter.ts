/**
 * Coverage by folder, with the share of lines each kind of folder owes; the run fails when one falls short,
 * unless tests were skipped for want of a program: then the shares are told only.
 *
 * @module
 */
import { relative, resolve } from 'node:path'

const src = resolve(import.meta.dirname, '../../src')

/** Percent of lines: pure folders owe all, the stages of the request path nearly all, the rest most. */
const owed: Readonly<Record<string, number>> = {
  values: 100,
  request: 100,
  directory: 100,
  routing: 95,
  authn: 95,
  authz: 95,
  ratelimit: 95,
  identity: 95,
}
const OWED_BY_THE_REST = 80

interface CoverageEvent {
  readonly type: string
  readonly data: {
    readonly skip?: boolean | string
    readonly summary?: {
      readonly files: readonly {
        readonly path: string
        readonly totalLineCount: number
        readonly coveredLineCount: number
      }[]
    }
  }
}

interface Tally {
  total: number
  covered: number
}

/** A reporter of node:test; only the coverage event matters to it. */
async function* coverageByFolder(events: AsyncIterable<CoverageEvent>): AsyncGenerator<string> {
  let skipped = 0
  for await (const { type, data } of events) {
    if (type === 'test:pass' && data.skip !== undefined && data.skip !== false) skipped += 1
    if (type !== 'test:coverage' || data.summary === undefined) continue
    const folders = tally(data.summary.files)
    for (const [folder, { total, covered }] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const percent = total === 0 ? 100 : (100 * covered) / total
      const least = owed[folder] ?? OWED_BY_THE_REST
      const short = percent < least
      if (short && skipped === 0) process.exitCode = 1
      yield `ℹ coverage ${folder.padEnd(12)} ${percent.toFixed(2).padStart(6)} % of lines, owed ${least} %${short ? verdict(skipped) : ''}\n`
    }
  }
}

function verdict(skipped: number): string {
  return skipped === 0 ? '  TOO LITTLE' : `  (${skipped} skipped)`
}

function tally(files: NonNullable<CoverageEvent['data']['summary']>['files']): Map<string, Tally> {
  const folders = new Map<string, Tally>()
  for (const file of files) {
    const inside = relative(src, file.path)
    if (inside.startsWith('..') || !inside.includes('/')) continue
    const folder = inside.split('/')[0] ?? ''
    const sum = folders.get(folder) ?? { total: 0, covered: 0 }
    sum.total += file.totalLineCount
    sum.covered += file.coveredLineCount
    folders.set(folder, sum)
  }
  return folders
}

export { coverageByFolder as default }
