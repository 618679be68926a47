/**
 * The counters in Redis as a part that can be away, and the news of its coming and going.
 *
 * @module
 */
import { CallRefused } from '#resilience/breaker.ts'
import type { RedisStore } from '#stores/redis.ts'
import { errorText } from '#telemetry/error-text.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import type { Counter } from './counter.ts'
import { redisCounter } from './redis.ts'
import type { Quota } from './window.ts'

export interface SharedCounters {
  counter(id: string, quota: Quota): Counter
  /** Does work on the counters; `undefined` when Redis failed, took longer than its deadline, or is being left alone. */
  attempt<T>(work: () => Promise<T>): Promise<T | undefined>
}

interface SharedDeps {
  readonly redis: RedisStore
  readonly metrics: Metrics
  readonly log: Logger
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/** How long Redis must have been without failures to count as back, in milliseconds; a flicker does not fill the log. */
const STEADY = 250

export function sharedCounters({ redis, metrics, log, now }: SharedDeps): SharedCounters {
  let away = false
  let lastFailure = 0

  const turn = (to: 'away' | 'back', error?: unknown) => {
    away = to === 'away'
    metrics.limitFallback.set(away ? 1 : 0)
    if (away) log.warn({ error: errorText(error) }, 'shared limits away')
    else log.info({}, 'shared limits back')
  }

  return {
    counter: (id, quota) => redisCounter(redis.client, id, quota),
    async attempt(work) {
      try {
        const value = await redis.run('limit', work)
        if (away && now() - lastFailure >= STEADY && redis.ready()) turn('back')
        return value
      } catch (error) {
        if (!(error instanceof CallRefused)) lastFailure = now()
        if (!away) turn('away', error)
        return undefined
      }
    },
  }
}
