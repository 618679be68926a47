/**
 * The limits of a worker: counted with tokens that the primary lends.
 *
 * @module
 */
import { Borrower } from '#ratelimit/lease-borrower.ts'
import type { Borrowing, Lending } from '#ratelimit/lease.ts'
import type { SharedCounters } from '#ratelimit/shared.ts'
import type { ProcessLogger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

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

  /** Begins to borrow; log and metrics are told when the primary does not answer. */
  counters(log: ProcessLogger, metrics: Pick<Metrics, 'limitShares'>): SharedCounters {
    const borrower = new Borrower({
      borrowers: this.#processes,
      tell: this.#tell,
      now: () => performance.now(),
      soon: setImmediate,
      onTurn(to) {
        if (to === 'back') return log.info({}, 'the primary answers again')
        metrics.limitShares.inc()
        log.warn({}, 'the primary does not answer: limits are counted by share')
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
