/**
 * A tiered lookup: memory (L1), then a shared cache (L2), then the source, each slower and fresher than the one before.
 *
 * An answer's age counts from the start of the read that reached the source and travels with it,
 * so it is believed `fresh` milliseconds in all, however many layers it went through.
 * "No such key" is kept in memory only, and apart: a flood of bad keys can neither push out good ones nor fill the shared cache.
 * Nor does it reach that: what a client asks for and was never found here is asked of the source, which takes many at a time.
 *
 * @module
 */
import type { z } from 'zod'

import { unhindered, type Asker } from '#request/asker.ts'
import type { Deny, Eventually } from '#request/verdict.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import { ABSENT_FOR, FRESH_FOR, mayServe, type StalePolicy } from './freshness.ts'
import { createMemoryTier } from './memory-tier.ts'
import { createSharedTier } from './shared-tier.ts'
import type { SharedCache } from './shared.ts'
import { createSingleFlight } from './single-flight.ts'

/** An answer, with the layer it came from and its age in milliseconds. */
export type Found<T> =
  | {
      readonly kind: 'found'
      readonly value: T
      readonly layer: 'l1' | 'l2' | 'source'
      readonly age: number
      /** True when older than the freshness bound, and served because the policy allows it while the source is away. */
      readonly stale: boolean
    }
  | { readonly kind: 'absent'; readonly layer: 'l1' | 'source'; readonly age: number }
  | Unavailable

export interface Unavailable {
  readonly kind: 'unavailable'
}

/** An answer, or what the asker was refused with. */
export type Answer<T> = Found<T> | Deny

export interface TieredOptions<A, T> {
  /** Name in metrics and in the keys of the shared cache. */
  readonly name: string
  /** An injective key of bounded size (`cacheKey`). */
  readonly key: (asked: A) => string
  /**
   * Undefined means "no such key"; rejects when it cannot tell.
   * For a key that was never found before, `stranger` names the client that asks.
   */
  readonly source: (asked: A, stranger: string | undefined) => Promise<T | undefined>
  /** What a value from the shared cache must look like. */
  readonly schema: z.ZodType<T>
  readonly shared: SharedCache | undefined
  /** Answers kept in memory; of "no such key" a quarter as many. */
  readonly most: number
  /** Milliseconds; `FRESH_FOR` and `ABSENT_FOR` unless a test says otherwise. */
  readonly fresh?: number
  readonly absent?: number
  /** Monotonic clock in milliseconds. */
  readonly clock: () => number
  readonly metrics: Pick<Metrics, 'cacheReads' | 'cacheEntries'>
  readonly log: Logger
}

/**
 * Answers at once from memory, else with a promise; never rejects.
 * A read of a key that was never found before needs the asker's leave, and what refuses it is handed on.
 */
export type Tiered<A, T> = (asked: A, stale: StalePolicy, asker?: Asker) => Eventually<Answer<T>>

const MOST_FLIGHTS = 10_000
const unavailable: Unavailable = { kind: 'unavailable' }

/** Makes a tiered lookup. */
export function createTiered<A, T extends object>(options: TieredOptions<A, T>): Tiered<A, T> {
  const { name, source, clock, metrics, fresh = FRESH_FOR, absent = ABSENT_FOR } = options
  const memory = createMemoryTier<T>({ ...options, fresh, absent })
  const shared = createSharedTier({ ...options, fresh })
  const flights = createSingleFlight<Found<T>>(MOST_FLIGHTS)
  const counted = countersOf(name, metrics)

  const fetch = async (key: string, asked: A, stranger: string | undefined): Promise<Found<T>> => {
    const read = stranger === undefined ? await shared.read(key) : undefined
    if (read?.hit !== undefined) {
      const { value, born } = read.hit
      return { kind: 'found', value: memory.keep(key, value, born), layer: 'l2', age: clock() - born, stale: false }
    }
    const born = clock()
    const value = await source(asked, stranger)
    if (value === undefined) {
      memory.keepAbsent(key, born)
      return { kind: 'absent', layer: 'source', age: clock() - born }
    }
    if (read === undefined) shared.offer(key, value, born)
    else read.write?.(value)
    return { kind: 'found', value: memory.keep(key, value, born), layer: 'source', age: clock() - born, stale: false }
  }

  const fallBack = (key: string, stale: StalePolicy): Found<T> => {
    const last = memory.last(key)
    const age = last === undefined ? Infinity : clock() - last.born
    if (last === undefined || !mayServe(age, stale)) {
      counted.error.inc()
      return unavailable
    }
    counted.stale.inc()
    return { kind: 'found', value: last.value, layer: 'l1', age, stale: true }
  }

  return (asked, stale, asker = unhindered) => {
    const key = options.key(asked)
    const now = clock()
    const known = memory.recall(key, now)
    if (known !== undefined) {
      counted.l1.inc()
      const age = now - known.born
      if (known.value === undefined) return { kind: 'absent', layer: 'l1', age }
      return { kind: 'found', value: known.value, layer: 'l1', age, stale: false }
    }
    if (stale !== 'deny' && stale.at_once === true) return fallBack(key, stale)
    const heardOf = memory.last(key) !== undefined
    const refused = heardOf || flights.has(key) ? undefined : asker.refuseWork()
    if (refused !== undefined) return refused
    const flight = flights.join(key, () => fetch(key, asked, heardOf ? undefined : asker.client))
    if (flight === undefined) return fallBack(key, stale)
    return flight.then(
      (found) => {
        if (found.kind !== 'unavailable') counted[found.layer].inc()
        return found
      },
      () => fallBack(key, stale),
    )
  }
}

function countersOf(cache: string, { cacheReads }: Pick<Metrics, 'cacheReads'>) {
  const counter = (layer: string) => cacheReads.labels({ cache, layer })
  return {
    l1: counter('l1'),
    l2: counter('l2'),
    source: counter('source'),
    stale: counter('stale'),
    error: counter('error'),
  }
}
