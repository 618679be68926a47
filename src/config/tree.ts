/**
 * Plain data whose shape is not known yet.
 *
 * @module
 */
import type { Path } from './problem.ts'

/** A mapping of the file. */
export type Tree = Record<string, unknown>

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What the data holds at a path; undefined when it does not go that far. */
export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => {
    const holder = typeof value === 'object' && value !== null && Object.hasOwn(value, step) ? value : {}
    return Reflect.get(holder, step)
  }, data)
}
