/**
 * How long a client is waited for: whoever sends one byte now and then would hold a connection of the upstream for ever.
 *
 * Only the time in which nobody but the client is waited for counts, so a slow upstream is never blamed on it. Each byte
 * buys time at the rate of the pace, and no more than the slack is ever saved up: a fast beginning does not pay for a
 * stall at the end.
 *
 * @module
 */

/** How slow a client may be. */
export interface Pace {
  /** Bytes per second. */
  readonly at_least: number
  /** Milliseconds it may fall behind. */
  readonly slack: number
}

/** What is left of the patience with one client that sends. */
export class Patience {
  #pace: Pace | undefined
  /** Milliseconds. */
  #left: number
  /** When the wait began; NaN while nothing is waited for. */
  #since = Number.NaN

  /** @param pace absent: patience without end */
  constructor(pace: Pace | undefined) {
    this.#pace = pace
    this.#left = pace?.slack ?? Infinity
  }

  /** The wait begins, at `now` milliseconds of any clock; gives the milliseconds that it may last. */
  begin(now: number): number {
    this.#since = now
    return this.#left
  }

  /** So many bytes came. */
  earn(bytes: number, now: number): void {
    if (this.#pace === undefined) return
    const waited = Number.isNaN(this.#since) ? 0 : now - this.#since
    this.#since = Number.NaN
    this.#left = Math.min(this.#pace.slack, this.#left - waited + (bytes / this.#pace.at_least) * 1000)
  }
}

/** Milliseconds in which a client must take so many bytes that wait for it; never more than `most`. */
export function takeWithin(bytes: number, pace: Pace | undefined, most: number): number {
  return pace === undefined ? most : Math.min(most, pace.slack + (bytes / pace.at_least) * 1000)
}
