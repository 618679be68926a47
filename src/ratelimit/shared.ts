/**
 * The shared counters as a part that can be away: a deadline, a breaker, and the news of its coming and going.
 *
 * @module
 */
import type { Cluster, Redis } from 'ioredis'

import { CallRefused, createBreaker } from '#resilience/breaker.ts'
import { silent, type Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import type { Counter } from './counter.ts'
import { redisCounter } from './redis.ts'
import type { Quota } from './window.ts'

export interface SharedStore {
  counter(id: string, quota: Quota): Counter
  /** Does work on the counters; `undefined` when Redis failed, took longer than 50 ms, or is being left alone after failures. */
  attempt<T>(work: () => Promise<T>): Promise<T | undefined>
  /** Stops the breaker's timers; the client is its maker's to close. */
  close(): void
}

interface SharedDeps {
  readonly redis: Redis | Cluster
  readonly metrics: Metrics
  readonly log: Logger
  /** Monotonic milliseconds. */
  readonly now: () => number
}

const DEADLINE = 50
/** How long Redis must have been without failures to count as back; keeps a flicker from filling the log. */
const STEADY = 500

export function createSharedStore({ redis, metrics, log, now }: SharedDeps): SharedStore {
  const breaker = createBreaker('limits', {
    timeout: DEADLINE,
    capacity: 1000,
    volume: 10,
    errorShare: 0.5,
    inARow: 5,
    window: 10_000,
    resetAfter: STEADY,
    metrics,
    log: silent, // `turn` writes the line
  })
  let away = false
  let lastFailure = -Infinity

  const turn = (fails: boolean, error?: unknown) => {
    away = fails
    metrics.limitFallback.set(fails ? 1 : 0)
    if (fails) log.warn({ error: error instanceof Error ? error.message : String(error) }, 'shared limits away')
    else log.info({}, 'shared limits back')
  }

  const failed = (error: unknown) => {
    if (error instanceof CallRefused) return
    metrics.storeErrors.inc({ store: 'redis' })
    lastFailure = now()
    if (!away) turn(true, error)
  }

  return {
    counter: (id, quota) => redisCounter(redis, id, quota),
    async attempt(work) {
      try {
        const value = await breaker.run(work)
        if (away && now() - lastFailure >= STEADY) turn(false)
        return value
      } catch (error) {
        failed(error)
        return undefined
      }
    },
    close: () => breaker.close(),
  }
}
