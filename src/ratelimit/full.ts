/**
 * A counter that others share, and that can be asked at once whether a key is full: as far as its own answers told.
 * A process learns of it with the first request that it counts itself, so each lets one more through at most.
 *
 * @module
 */
import { LRUCache } from 'lru-cache'

import type { Counter } from './counter.ts'
import type { MemoryCounter } from './memory.ts'
import type { Taken } from './window.ts'

interface FullOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Most keys that are remembered. */
  readonly most: number
}

/** Remembers which keys of a counter are full, and for how long. */
export function rememberFull(counter: Counter, { now, most }: FullOptions): Counter & Pick<MemoryCounter, 'full'> {
  const until = new LRUCache<string, number>({ maxSize: most, sizeCalculation: () => 1 })

  const note = (key: string, taken: Taken): Taken => {
    if (taken.remaining === 0) until.set(key, now() + taken.wait / 1000)
    return taken
  }

  return {
    take(key) {
      const taken = counter.take(key)
      return taken instanceof Promise ? taken.then((late) => note(key, late)) : note(key, taken)
    },
    giveBack: (key, at) => counter.giveBack(key, at),
    full: (key) => Math.max(0, Math.ceil(((until.get(key) ?? 0) - now()) * 1000)),
  }
}
