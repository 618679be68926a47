/**
 * The layer of a tiered lookup that lives in memory: answers, and apart from them what was found not to exist.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'

import { createLru, type EntriesGauge } from './lru.ts'

export interface MemoryTierOptions {
  readonly name: string
  /** Answers kept; of "no such key" a quarter as many. */
  readonly most: number
  /** How long answers are believed, in milliseconds. */
  readonly fresh: number
  /** How long "no such key" is believed, in milliseconds. */
  readonly absent: number
  readonly metrics: EntriesGauge
}

/** A value, or undefined for "no such key", and when the read that tells so began (monotonic, milliseconds). */
export interface Remembered<T> {
  readonly value: T | undefined
  readonly born: number
}

export interface MemoryTier<T> {
  /** What is known and still believed at `now`. */
  recall(key: string, now: number): Remembered<T> | undefined
  /** The last known value, however old. */
  last(key: string): { readonly value: T; readonly born: number } | undefined
  /** Keeps a value and returns the object to hand out: the one known before if nothing changed, so that what hangs on it lives on. */
  keep(key: string, value: T, born: number): T
  /** Keeps that there is no such key, and forgets the value there was. */
  keepAbsent(key: string, born: number): void
}

/** Makes one. */
export function createMemoryTier<T extends object>(options: MemoryTierOptions): MemoryTier<T> {
  const { name, most, fresh, absent, metrics } = options
  const values = createLru<{ readonly value: T; readonly born: number }>(name, most, metrics)
  const absences = createLru<{ readonly value: undefined; readonly born: number }>(
    `${name}_absent`,
    Math.ceil(most / 4),
    metrics,
  )
  return {
    recall(key, now) {
      const kept = values.get(key)
      if (kept !== undefined && now - kept.born < fresh) return kept
      const missed = absences.get(key)
      return missed !== undefined && now - missed.born < absent ? missed : undefined
    },
    last: (key) => values.get(key),
    keep(key, value, born) {
      const before = values.get(key)?.value
      const kept = isDeepStrictEqual(before, value) && before !== undefined ? before : value
      values.set(key, { value: kept, born })
      absences.delete(key)
      return kept
    },
    keepAbsent(key, born) {
      values.delete(key)
      absences.set(key, { value: undefined, born })
    },
  }
}
