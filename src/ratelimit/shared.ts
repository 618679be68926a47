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
import { redisCounters } from './redis.ts'
import type { Quota } from './window.ts'

/** Makes the counter of a limit. */
export type SharedCounters = (id: string, quota: Quota) => Counter

interface SharedDeps {
  readonly redis: RedisStore
  readonly metrics: Metrics
  readonly log: Logger
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

/** How long Redis must have been without failures to count as back, in milliseconds; a flicker does not fill the log. */
const STEADY = 250

/**
 * Makes the function that makes a limit's counter.
 * Its `take` rejects when Redis failed, took longer than its deadline, or is being left alone.
 */
export function sharedCounters(deps: SharedDeps): SharedCounters {
  const { redis, metrics, log, now = () => performance.now() } = deps
  let away = false
  let lastFailure = 0

  const turn = (to: 'away' | 'back', error?: unknown) => {
    away = to === 'away'
    metrics.limitFallback.set(away ? 1 : 0)
    if (away) log.warn({ error: errorText(error) }, 'shared limits away')
    else log.info({}, 'shared limits back')
  }

  const run: RedisStore['run'] = async (...call) => {
    try {
      const value = await redis.run(...call)
      if (away && now() - lastFailure >= STEADY && redis.ready()) turn('back')
      return value
    } catch (error) {
      if (!(error instanceof CallRefused)) lastFailure = now()
      if (!away) turn('away', error)
      throw error
    }
  }

  return redisCounters({ client: redis.client, run })
}
