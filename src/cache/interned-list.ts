/**
 * Interning: equal lists are one object. Of a hundred thousand identities, most have the roles and permissions of many others.
 *
 * @module
 */
import { LRUCache } from 'lru-cache'

const MOST = 4096
const LONGEST = 1024 // characters as JSON: longer lists are rarely equal

const none: readonly string[] = Object.freeze([])
/** By their texts in order, and also as they came: the second of equal lists need not be put in order. */
const lists = new LRUCache<string, readonly string[]>({ max: MOST })

/** The frozen list of these texts, sorted and without duplicates; usually the same object for equal texts. */
export function internedList(values: readonly string[]): readonly string[] {
  if (values.length === 0) return none
  const given = JSON.stringify(values)
  const known = lists.get(given)
  if (known !== undefined) return known
  const list = Object.freeze([...new Set(values)].sort())
  const ordered = JSON.stringify(list)
  if (ordered.length > LONGEST) return list
  const kept = lists.get(ordered) ?? list
  lists.set(ordered, kept)
  if (given.length <= LONGEST) lists.set(given, kept)
  return kept
}
