/**
 * A queue of those who wait for their turn: bounded, and fair to who is known.
 *
 * What is known goes before strangers, strangers leave some places free, and no stranger holds more than a share of them:
 * so neither one client nor a crowd of them, asking for things made up, keeps the others out of the queue.
 *
 * @module
 */

/** One who waits. */
export interface Waiting {
  /** The client who asks for something never heard of; undefined for what is known. */
  readonly stranger: string | undefined
}

export interface FairQueue<W extends Waiting> {
  /** Takes a place at the end; false when there is none for this one. */
  join(one: W): boolean
  /** Gives the place up, if it is still held. */
  leave(one: W): void
  /** Lets up to `most` go, the known first. */
  take(most: number): W[]
  readonly length: number
}

/** How many places there are in all, for strangers together, and for any one of them. */
export interface Places {
  readonly all: number
  readonly strangers: number
  readonly each: number
}

/** Makes an empty queue. */
export function createFairQueue<W extends Waiting>({ all, strangers: most, each }: Places): FairQueue<W> {
  const known = new Set<W>()
  const strangers = new Set<W>()
  const held = new Map<string, number>()

  const leave = (one: W) => {
    known.delete(one)
    if (one.stranger === undefined || !strangers.delete(one)) return
    const left = (held.get(one.stranger) ?? 1) - 1
    if (left === 0) held.delete(one.stranger)
    else held.set(one.stranger, left)
  }

  return {
    join(one) {
      if (known.size + strangers.size >= all) return false
      if (one.stranger === undefined) {
        known.add(one)
        return true
      }
      const holds = held.get(one.stranger) ?? 0
      if (strangers.size >= most || holds >= each) return false
      held.set(one.stranger, holds + 1)
      strangers.add(one)
      return true
    },
    leave,
    take(count) {
      const taken = [...known.values().take(count)]
      taken.push(...strangers.values().take(count - taken.length))
      for (const one of taken) leave(one)
      return taken
    },
    get length() {
      return known.size + strangers.size
    },
  }
}
