/**
 * A condition of overload: one log line when it begins and one when it ends, and a gauge in between.
 *
 * @module
 */
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

export interface ConditionDeps {
  readonly metrics: Pick<Metrics, 'overloadState'>
  readonly log: Logger
}

type Facts = Readonly<Record<string, number>>

const QUIET = 10 // looks without a refusal after which a condition is over that only refusals tell of

export class Condition {
  active = false
  #reason: string
  #deps: ConditionDeps
  #began = 0
  /** Refusals since it began. */
  #refused = 0
  #seen = 0
  #quiet = 0

  constructor(reason: string, deps: ConditionDeps) {
    this.#reason = reason
    this.#deps = deps
    deps.metrics.overloadState.set({ reason }, 0)
  }

  /** Counts a request that was refused because of it. */
  refuse(): void {
    this.#refused += 1
  }

  /** Tells whether it holds, with figures for the log. */
  set(active: boolean, facts: Facts): void {
    if (active === this.active) return
    const { metrics, log } = this.#deps
    const reason = this.#reason
    this.active = active
    metrics.overloadState.set({ reason }, active ? 1 : 0)
    if (active) {
      this.#began = performance.now()
      log.warn({ reason, ...facts }, 'overload begins')
      return
    }
    const took_ms = Math.round(performance.now() - this.#began)
    log.info({ reason, ...facts, refused: this.#refused, took_ms }, 'overload ends')
    this.#refused = 0
    this.#seen = 0
  }

  /** Finds out by itself: it holds from the first refusal until there has been none for a while. */
  look(facts: Facts): void {
    const more = this.#refused !== this.#seen
    this.#seen = this.#refused
    this.#quiet = more ? 0 : this.#quiet + 1
    this.set(more || (this.active && this.#quiet < QUIET), facts)
  }
}
