/**
 * Bars whose figures other programs of `bench/` take: these are run at the end, and what they keep as JSON is read.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Bar } from './bars.ts'
import type { Children } from './children.ts'
import type { Measured } from './result.ts'
import { median } from '../statistics.ts'

const ROOT = join(import.meta.dirname, '../..')
const PATIENCE = 600 // seconds

/** A program: `npm run SCRIPT -- --json FILE` leaves what its bars are read from. */
interface Other {
  readonly script: string
  readonly bars: readonly (Omit<Bar, 'figure'> & { readonly read: (found: unknown) => number | undefined })[]
}

/** The most of what `bench:decision` says of one layer, whatever was asked for and however many asked. */
const slowest = (layer: string) => (found: unknown) => {
  const rows = itemsOf(found).filter((row) => textAt(row, ['layer']) === layer)
  const times = rows.flatMap((row) => numberAt(row, ['p99']) ?? [])
  return times.length === 0 ? undefined : Math.max(...times)
}

const readyAfter = (start: 'cold' | 'warm') => (found: unknown) => {
  const times = itemsOf(valueAt(found, [start])).flatMap((one) => numberAt(one, ['ready']) ?? [])
  return times.length === 0 ? undefined : median(times)
}

const others: readonly Other[] = [
  {
    script: 'bench:decision',
    bars: [
      { what: 'decision alone, known to memory: p99', limit: 0.1, unit: 'ms', read: slowest('l1') },
      { what: 'decision alone, found in Redis: p99', limit: 2, unit: 'ms', read: slowest('l2') },
      { what: 'decision alone, found in Postgres: p99', limit: 10, unit: 'ms', read: slowest('source') },
    ],
  },
  {
    script: 'bench:mixed',
    bars: [
      {
        what: 'mixed scenario: signatures found in memory',
        limit: 98,
        unit: '%',
        above: true,
        read: (found) => numberAt(found, ['hits_percent']),
      },
    ],
  },
  {
    script: 'bench:start',
    bars: [
      { what: 'ready, compiled before', limit: 300, unit: 'ms', read: readyAfter('warm') },
      { what: 'ready, nothing compiled before', limit: 600, unit: 'ms', read: readyAfter('cold') },
    ],
  },
]

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (holder, key) =>
      typeof holder === 'object' && holder !== null ? (holder as Record<string, unknown>)[key] : undefined,
    value,
  )
}

function numberAt(value: unknown, path: readonly string[]): number | undefined {
  const found = valueAt(value, path)
  return typeof found === 'number' ? found : undefined
}

function textAt(value: unknown, path: readonly string[]): string | undefined {
  const found = valueAt(value, path)
  return typeof found === 'string' ? found : undefined
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

export const elsewhereBars: readonly Bar[] = others.flatMap(({ script, bars }) =>
  bars.map(({ read, ...bar }) => ({ ...bar, figure: ({ elsewhere }: Measured) => read(elsewhere[script]) })),
)

/** Scripts that are there, of those that bars rest on. */
export function otherScripts(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>
  }
  return others.map(({ script }) => script).filter((script) => scripts[script] !== undefined)
}

/** Runs one. @returns what it measured, or undefined when it failed */
export async function runOther(children: Children, folder: string, script: string): Promise<unknown> {
  const file = join(folder, `${script.replace(':', '-')}.json`)
  try {
    await children.run(
      'everywhere',
      ['npm', 'run', '--silent', '--prefix', ROOT, script, '--', '--json', file],
      PATIENCE,
    )
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
