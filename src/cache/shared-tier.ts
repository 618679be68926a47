/**
 * The shared layer of a tiered lookup: what is read from it is checked before it is believed.
 *
 * Whoever can write to the shared cache must not thereby choose identities, as far as a check can hold it:
 * a value must be JSON of the schema, carry the very key it lies under, and end its life within the freshness bound.
 *
 * @module
 */
import { z } from 'zod'

import type { Logger } from '#telemetry/log.ts'

import type { SharedCache, SharedRead } from './shared.ts'

const LONGEST_VALUE = 65_536

export interface SharedTierOptions<T> {
  readonly name: string
  readonly schema: z.ZodType<T>
  readonly shared: SharedCache | undefined
  /** Milliseconds. */
  readonly fresh: number
  /** Monotonic clock in milliseconds. */
  readonly clock: () => number
  readonly log: Logger
}

export interface TierRead<T> {
  readonly hit?: { readonly value: T; readonly born: number }
  /**
   * Keeps a value that is about to be read from the source; absent when the shared cache did not answer.
   * One that was read before carries its `age` in milliseconds, up to now at least.
   */
  readonly write?: (value: T, age?: number) => void
}

export interface SharedTier<T> {
  /** Never rejects: a shared cache that is away is a miss. */
  read(key: string): Promise<TierRead<T>>
  /** Keeps a value that was read from the source without a look in here; `born` is when that read began. */
  offer(key: string, value: T, born: number): void
}

/** Makes the shared layer; without a shared cache every read is a miss. */
export function createSharedTier<T>(options: SharedTierOptions<T>): SharedTier<T> {
  const { name, schema, shared, fresh, clock, log } = options
  if (shared === undefined) return { read: () => Promise.resolve({}), offer: () => {} }
  const envelope = z.strictObject({ key: z.string(), value: schema })
  const ignored = () => undefined // counted where the command failed

  const usable = (place: string, read: SharedRead): T | undefined => {
    if (read.value === undefined || read.value.length > LONGEST_VALUE) return undefined
    if (read.remaining < 0 || read.remaining > fresh) return undefined
    const parsed = envelope.safeParse(parseJson(read.value))
    return parsed.success && parsed.data.key === place ? parsed.data.value : undefined
  }

  const discard = (place: string) => {
    log.warn({ cache: name }, 'shared cache held an unusable value')
    shared.remove(place).catch(ignored)
  }

  const read = async (key: string): Promise<TierRead<T>> => {
    if (shared.down) return {}
    const place = `heimdall:1:${name}:${key}`
    const asked = clock()
    const found = await shared.read(place).catch(ignored)
    if (found === undefined) return {}
    const value = usable(place, found)
    const born = asked + found.remaining - fresh
    if (value !== undefined && clock() - born < fresh) return { hit: { value, born } }
    if (value === undefined && found.value !== undefined) discard(place)
    const write = (fetched: T, age = 0) => {
      shared.write(place, JSON.stringify({ key: place, value: fetched }), found.clock + fresh - age).catch(ignored)
    }
    return { write }
  }

  return {
    read,
    offer(key, value, born) {
      void read(key).then(({ write }) => write?.(value, clock() - born))
    },
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
