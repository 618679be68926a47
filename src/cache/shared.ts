/**
 * The port to a cache that several processes share (L2).
 *
 * Lifetimes are told by the shared cache's own clock, so that no two hosts' clocks are ever compared:
 * a read answers how much of a value's life is left, and what the clock said; a write names the end of a life on that same clock.
 * A write that arrives late, from a queue or a paused server, is then dead on arrival and not as good as new.
 *
 * @module
 */

export interface SharedRead {
  /** Undefined when there is no value, or none that is text. */
  readonly value: string | undefined
  /** Milliseconds the value has left to live. */
  readonly remaining: number
  /** The shared cache's clock, in milliseconds. */
  readonly clock: number
}

export interface SharedCache {
  /** True while reads would be refused at once. */
  readonly down: boolean
  /** Rejects when the cache is away or too slow. */
  read(key: string): Promise<SharedRead>
  /** @param end when the value's life ends, by the clock of `SharedRead` */
  write(key: string, value: string, end: number): Promise<void>
  remove(key: string): Promise<void>
}
