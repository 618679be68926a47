/**
 * From plain data to the values of the file, entry by entry.
 *
 * One misspelt route must not hide what is wrong with the next: entries that fail are reported and left out,
 * and the rest goes on to be checked.
 *
 * @module
 */
import type { z } from 'zod'

import { pathKey } from './data.ts'
import { findingsOf, MISSING, UNKNOWN } from './issues.ts'
import type { Finding, Path } from './problem.ts'
import { fileSchema, type ConfigFile } from './schema.ts'
import { isTree, valueAt, type Tree } from './tree.ts'

/** What could be read. */
export interface Parsed {
  readonly findings: readonly Finding[]
  /** Absent when not even the frame of the file is sound. */
  readonly file?: ConfigFile
  /** Position in the file of each route in `file.routes`. */
  readonly positions: readonly number[]
}

/** Blocks whose entries stand for themselves. */
const collections = new Set(['upstreams', 'authenticators', 'roles', 'limits', 'defaults', 'routes'])

/**
 * Parses the data of a file.
 *
 * @param data is changed: text from placeholders becomes a number or a boolean where the schema wants one
 */
export function parseFile(data: unknown, substituted: ReadonlySet<string>): Parsed {
  if (!isTree(data)) return { findings: [{ path: [], message: 'must be a mapping' }], positions: [] }
  let result = fileSchema.safeParse(data)
  if (!result.success && coerce(data, result.error.issues, substituted)) result = fileSchema.safeParse(data)
  if (result.success) return { findings: [], file: result.data, positions: [...result.data.routes.keys()] }

  const findings = withoutEchoes(result.error.issues.flatMap((issue) => findingsOf(issue, data)))
  const { sound, positions } = withoutFlawed(data, findings)
  const rest = fileSchema.safeParse(sound)
  return rest.success ? { findings, file: rest.data, positions } : { findings, positions: [] }
}

/** Numbers and booleans that came out of placeholders: the schema knows what was meant, the text alone does not. */
function coerce(data: Tree, issues: readonly z.core.$ZodIssue[], substituted: ReadonlySet<string>): boolean {
  let changed = false
  for (const path of issues.flatMap((issue) => pathsOf(issue, []))) {
    const last = path.at(-1)
    const holder = valueAt(data, path.slice(0, -1))
    if (last === undefined || !substituted.has(pathKey(path)) || typeof holder !== 'object' || holder === null) continue
    const typed = typedValue(Reflect.get(holder, last))
    if (typed !== undefined) changed = Reflect.set(holder, last, typed)
  }
  return changed
}

function pathsOf(issue: z.core.$ZodIssue, before: Path): Path[] {
  const path = [...before, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))]
  return issue.code === 'invalid_union' ? issue.errors.flat().flatMap((inner) => pathsOf(inner, path)) : [path]
}

function typedValue(value: unknown): number | boolean | undefined {
  if (value === 'true' || value === 'false') return value === 'true'
  return typeof value === 'string' && /^-?\d{1,15}(?:\.\d{1,9})?$/.test(value) ? Number(value) : undefined
}

/** A misspelt key is one mistake: neither is the right one missing, nor is there more to say of the mapping around it. */
function withoutEchoes(findings: readonly Finding[]): Finding[] {
  const misspelt = findings.filter(({ message }) => message === UNKNOWN)
  const meant = new Set(misspelt.map(({ path, suggestion = '' }) => pathKey([...path.slice(0, -1), suggestion])))
  const around = new Set(misspelt.map(({ path }) => pathKey(path.slice(0, -1))))
  return findings.filter(({ path, message }) => {
    const key = pathKey(path)
    return message === UNKNOWN || (!around.has(key) && (message !== MISSING || !meant.has(key)))
  })
}

/** The data without the entries, or top-level keys, that have a finding. */
function withoutFlawed(data: Tree, findings: readonly Finding[]): { sound: Tree; positions: number[] } {
  const flawed = new Set(findings.map(({ path }) => pathKey(path.slice(0, collections.has(String(path[0])) ? 2 : 1))))
  const bad = (...path: Path) => flawed.has(pathKey(path))
  const routes: readonly unknown[] = Array.isArray(data['routes']) ? data['routes'] : []
  const positions = [...routes.keys()].filter((index) => !bad('routes', index))
  const entries = Object.entries(data)
    .filter(([key]) => !bad(key))
    .map(([key, value]) => {
      if (key === 'routes') return [key, positions.map((index) => routes[index])]
      if (!collections.has(key) || !isTree(value)) return [key, value]
      return [key, Object.fromEntries(Object.entries(value).filter(([name]) => !bad(key, name)))]
    })
  return { sound: { ...Object.fromEntries(entries), version: 1 }, positions }
}
