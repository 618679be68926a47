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

const ROOT = join(import.meta.dirname, '../..')
const PATIENCE = 600 // seconds

/** A program: `npm run SCRIPT -- --json FILE` writes what `read` finds the figures in. */
interface Other {
  readonly script: string
  readonly bars: readonly (Omit<Bar, 'figure'> & { readonly at: readonly string[] })[]
}

const others: readonly Other[] = []

/** The number at a path of what was read, or undefined. */
export function numberAt(value: unknown, path: readonly string[]): number | undefined {
  const found = path.reduce<unknown>(
    (holder, key) =>
      typeof holder === 'object' && holder !== null ? (holder as Record<string, unknown>)[key] : undefined,
    value,
  )
  return typeof found === 'number' ? found : undefined
}

export const elsewhereBars: readonly Bar[] = others.flatMap(({ script, bars }) =>
  bars.map(({ at, ...bar }) => ({
    ...bar,
    figure: ({ elsewhere }: Measured) => numberAt(elsewhere[script], at),
  })),
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
