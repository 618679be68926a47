/**
 * The limits of a worker: counted with tokens that the primary lends.
 *
 * @module
 */
import { Borrower } from '#ratelimit/lease-borrower.ts'
import type { Borrowing, Lending } from '#ratelimit/lease.ts'
import type { SharedCounters } from '#ratelimit/shared.ts'
import type { ProcessLogger } from '#telemetry/log.ts'

const LOOK_EVERY = 100 // milliseconds

/** The counters that workers share: the primary lends, and this borrows. */
export class Leases {
  readonly #processes: number
  readonly #tell: (borrowing: Borrowing) => void
  #borrower: Borrower | undefined

  /** @param tell says something to the primary */
  constructor(processes: number, tell: (borrowing: Borrowing) => void) {
    this.#processes = processes
    this.#tell = tell
  }

  /** Begins to borrow; the log is told when the primary does not answer. */
  counters(log: ProcessLogger): SharedCounters {
    const borrower = new Borrower({
      borrowers: this.#processes,
      tell: this.#tell,
      now: () => performance.now(),
      soon: setImmediate,
      onTurn(to) {
        if (to === 'away') log.warn({}, 'the primary does not answer: limits are counted by share')
        else log.info({}, 'the primary answers again')
      },
    })
    setInterval(() => borrower.look(), LOOK_EVERY).unref()
    this.#borrower = borrower
    return (id, quota) => borrower.counter(id, quota)
  }

  hear(lending: Lending): void {
    this.#borrower?.hear(lending)
  }
}
