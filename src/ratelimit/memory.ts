/**
 * Counters in this process, bounded: a stranger who sends ever new keys cannot fill the memory.
 *
 * When the store is full, the limit that holds most keys gives up the one it has not seen for longest. So a flood of
 * keys under one limit leaves the counts of smaller ones alone, and whoever wants to be rid of their own count
 * must send about as many other keys as the store holds. Windows that have run out make room first.
 *
 * @module
 */
import type { Counter } from './counter.ts'
import { Shelf, type Slot } from './shelf.ts'
import { fullFor, giveBack, ranOut, take, takeUpTo, type Quota, type Taken, type TakenMany } from './window.ts'

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

export function createMemoryStore({ now, most }: MemoryOptions): MemoryStore {
  const shelves = new Map<string, Shelf>()
  const microseconds = () => Math.floor(now() * 1000)
  const size = () => shelves.values().reduce((sum, shelf) => sum + shelf.size, 0)

  const shelfOf = (id: string, quota: Quota): Shelf => {
    const shelf = shelves.get(id) ?? new Shelf(quota, most)
    shelves.set(id, shelf)
    return shelf
  }

  const insert = (shelf: Shelf, key: string, time: number): Slot => {
    dropRunOut(shelf, time, 2)
    if (size() >= most) largest(shelves.values()).dropOldest()
    return shelf.add(key)
  }

  /** Limits that a reload took out of the file leave no empty shelves behind. */
  const sweep = () => {
    for (const [id, shelf] of shelves) {
      dropRunOut(shelf, microseconds(), Infinity)
      if (shelf.size === 0) shelves.delete(id)
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
          const slot = shelf.use(key) ?? insert(shelf, key, time)
          return shelf.with(slot, (window) => take(window, quota, time))
        },
        takeUpTo(key, most) {
          const time = microseconds()
          const shelf = shelves.get(id) ?? shelfOf(id, quota)
          const slot = shelf.use(key) ?? insert(shelf, key, time)
          return shelf.with(slot, (window) => takeUpTo(window, quota, time, most))
        },
        full(key) {
          const shelf = shelves.get(id)
          const slot = shelf?.use(key)
          if (shelf === undefined || slot === undefined) return 0
          return shelf.with(slot, (window) => fullFor(window, quota, microseconds()))
        },
        giveBack(key, at) {
          const shelf = shelves.get(id)
          const slot = shelf?.peek(key)
          if (shelf === undefined || slot === undefined) return
          shelf.with(slot, (window) => giveBack(window, quota, at, microseconds()))
        },
      }
    },
  }
}

/** Drops up to `turns` of the windows that were not used for longest, as long as they have run out. */
function dropRunOut(shelf: Shelf, time: number, turns: number): void {
  for (let turn = 0; turn < turns; turn += 1) {
    const { oldest, quota } = shelf
    if (oldest === undefined || !shelf.with(oldest, (window) => ranOut(window, quota, time))) return
    shelf.dropOldest()
  }
}

function largest(shelves: Iterable<Shelf>): Shelf {
  return [...shelves].reduce((one, other) => (other.size > one.size ? other : one))
}
