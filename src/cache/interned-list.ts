/**
 * Interning: equal lists are one object. Of a hundred thousand identities, most have the roles and permissions of many others.
 *
 * @module
 */
import { LRUCache } from 'lru-cache'

const MOST = 4096
const LONGEST = 1024 // characters as JSON: longer lists are rarely equal

const lists = new LRUCache<string, readonly string[]>({ max: MOST })

/** The frozen list of these texts, sorted and without duplicates; usually the same object for equal texts. */
export function internedList(values: readonly string[]): readonly string[] {
  const list = Object.freeze([...new Set(values)].sort())
  const key = JSON.stringify(list)
  if (key.length > LONGEST) return list
  const before = lists.get(key)
  if (before === undefined) lists.set(key, list)
  return before ?? list
}
