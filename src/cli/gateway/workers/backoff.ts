/**
 * How long to wait before a worker that died is replaced.
 *
 * @module
 */
import { randomInt } from 'node:crypto'

const FIRST = 100
const LONGEST = 30_000
const STEADY = 30_000 // a worker that lived as long died of something new

export interface Backoff {
  /** Milliseconds to wait now that one died that lived for so many. */
  after(lived: number): number
}

/** Twice as long each time, up to half a minute; up to half of it is left to chance, so that workers do not start together. */
export function createBackoff(random: (below: number) => number = randomInt): Backoff {
  let next = FIRST
  return {
    after(lived) {
      if (lived >= STEADY) next = FIRST
      const pause = next
      next = Math.min(LONGEST, next * 2)
      return pause / 2 + random(Math.ceil(pause / 2) + 1)
    },
  }
}
