/**
 * Counters that all gateways share in Redis: rate-limiter-flexible, wrapped here and nowhere else.
 *
 * The library's own windows are fixed ones, so it runs our script (`script.ts`), and two of its words carry more than
 * they say: `msBeforeNext` comes back as the script wrote it (`WAIT AT`), and the `points` of a `reward` are the
 * moment of the request to give back. What it cannot do stays outside: it has neither deadline nor breaker, and its
 * insurance limiter never takes over while Redis hangs, so callers work within `RedisStore.run` (`shared.ts`).
 * It has no call for several limits either; commands sent in one turn of the event loop travel together,
 * which is one round trip, and unlike a pipeline they may go to several nodes of a Cluster.
 *
 * @module
 */
import type { Cluster, Redis } from 'ioredis'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'

import type { Counter } from './counter.ts'
import { windowScript } from './script.ts'
import type { Quota, Taken } from './window.ts'

/** Tells a refusal, which the library rejects with, from a failure of the store. */
function refusal(reason: unknown): RateLimiterRes {
  if (reason instanceof RateLimiterRes) return reason
  throw reason
}

/**
 * Makes the counter of one limit.
 *
 * @param redis a client without offline queue; commands fail at once while it is not connected
 * @param id names the limit in Redis
 */
export function redisCounter(redis: Redis | Cluster, id: string, quota: Quota): Counter {
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: `heimdall:limit:${id}`,
    points: quota.count,
    duration: quota.period / 1_000_000,
    customIncrTtlLuaScript: windowScript,
    rejectIfRedisNotReady: true,
  })

  return {
    async take(key): Promise<Taken> {
      const answer = await limiter.consume(key).catch(refusal)
      const { consumedPoints, remainingPoints: remaining } = answer
      const [wait = Number.NaN, at = Number.NaN] = String(answer.msBeforeNext).split(' ').map(Number)
      // The library takes whatever it is told for a count; what is none must not refuse anybody.
      if (![consumedPoints, wait, at].every(Number.isSafeInteger)) throw new TypeError('not the answer of the script')
      return { allowed: consumedPoints <= quota.count, remaining, wait, at }
    },
    giveBack(key, at) {
      limiter.reward(key, at).catch(() => undefined)
    },
  }
}
