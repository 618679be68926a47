/**
 * Counters in this process, bounded: a stranger who sends ever new keys cannot fill the memory.
 *
 * When the store is full, the limit that holds most keys gives up the one it has not seen for longest. So a flood of
 * keys under one limit leaves the counts of smaller ones alone, and whoever wants to be rid of their own count
 * must send about as many other keys as the store holds. Windows that have run out make room first.
 *
 * @module
 */
import { LRUCache } from 'lru-cache'

import type { Counter } from './counter.ts'
import { fullFor, giveBack, newWindow, ranOut, take, takeUpTo } from './window.ts'
import type { Quota, Taken, TakenMany, Window } from './window.ts'

export interface MemoryCounter extends Counter {
  take(key: string): Taken
  /** Counts up to `most` requests at once. */
  takeUpTo(key: string, most: number): TakenMany
  /** Microseconds until a request under this key would pass; 0 when it would now. Counts nothing. */
  full(key: string): number
}

export interface MemoryStore {
  /** Windows held, over all limits. */
  readonly size: number
  /** Makes the counter of one limit; counters of one id share their windows, so a reload forgets nothing. */
  counter(id: string, quota: Quota): MemoryCounter
}

export interface MemoryOptions {
  /** A clock that never steps back, in milliseconds. */
  readonly now: () => number
  /** Most windows over all limits. */
  readonly most: number
}

/** The windows of one limit, in the order of use. */
interface Shelf {
  readonly windows: LRUCache<string, Window>
  readonly quota: Quota
}

export function createMemoryStore({ now, most }: MemoryOptions): MemoryStore {
  const shelves = new Map<string, Shelf>()
  const microseconds = () => Math.floor(now() * 1000)
  const size = () => shelves.values().reduce((sum, { windows }) => sum + windows.size, 0)

  const shelfOf = (id: string, quota: Quota): Shelf => {
    const shelf = shelves.get(id) ?? { windows: new LRUCache({ maxSize: most, sizeCalculation: () => 1 }), quota }
    shelves.set(id, shelf)
    return shelf
  }

  const insert = (shelf: Shelf, key: string, time: number): Window => {
    dropRunOut(shelf, time, 2)
    if (size() >= most) largest(shelves.values()).windows.pop()
    const window = newWindow()
    shelf.windows.set(key, window)
    return window
  }

  /** Limits that a reload took out of the file leave no empty shelves behind. */
  const sweep = () => {
    for (const [id, shelf] of shelves) {
      dropRunOut(shelf, microseconds(), Infinity)
      if (shelf.windows.size === 0) shelves.delete(id)
    }
  }

  return {
    get size() {
      return size()
    },
    counter(id, quota) {
      sweep()
      return {
        take(key) {
          const time = microseconds()
          const shelf = shelves.get(id) ?? shelfOf(id, quota)
          return take(shelf.windows.get(key) ?? insert(shelf, key, time), quota, time)
        },
        takeUpTo(key, most) {
          const time = microseconds()
          const shelf = shelves.get(id) ?? shelfOf(id, quota)
          return takeUpTo(shelf.windows.get(key) ?? insert(shelf, key, time), quota, time, most)
        },
        full(key) {
          const window = shelves.get(id)?.windows.get(key)
          return window === undefined ? 0 : fullFor(window, quota, microseconds())
        },
        giveBack(key, at) {
          const window = shelves.get(id)?.windows.peek(key)
          if (window !== undefined) giveBack(window, quota, at, microseconds())
        },
      }
    },
  }
}

/** Drops up to `turns` of the windows that were not used for longest, as long as they have run out. */
function dropRunOut({ windows, quota }: Shelf, time: number, turns: number): void {
  for (let turn = 0; turn < turns; turn += 1) {
    const oldest = windows.rvalues().next().value
    if (oldest === undefined || !ranOut(oldest, quota, time)) return
    windows.pop()
  }
}

function largest(shelves: Iterable<Shelf>): Shelf {
  return [...shelves].reduce((one, other) => (other.windows.size > one.windows.size ? other : one))
}
