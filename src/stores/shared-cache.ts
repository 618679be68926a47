/**
 * The shared cache on Redis.
 *
 * @module
 */
import type { SharedCache } from '#cache/shared.ts'

import type { RedisStore } from './redis.ts'

/** Makes the shared cache (L2) of a Redis. */
export function createSharedCache(redis: RedisStore): SharedCache {
  return {
    get down() {
      return redis.down
    },
    read: (key) =>
      redis.run('cache_read', async (client) => {
        // One transaction: between a value and its lifetime no other value may slip in.
        const [value, remaining, time] = answers(await client.multi().get(key).pttl(key).time().exec())
        const [seconds, microseconds] = Array.isArray(time) ? time : []
        const clock = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
        if (!Number.isSafeInteger(clock) || typeof remaining !== 'number')
          throw new TypeError('not the answer of Redis')
        return { value: typeof value === 'string' ? value : undefined, remaining, clock }
      }),
    write: (key, value, end) =>
      redis.run('cache_write', async (client) => {
        await client.set(key, value, 'PXAT', Math.floor(end))
      }),
    remove: (key) =>
      redis.run('cache_remove', async (client) => {
        await client.del(key)
      }),
  }
}

/** Answers of a transaction; the first error of any command is thrown, but what is no text at all is read as an empty one: unusable. */
function answers(results: [error: Error | null, answer: unknown][] | null): unknown[] {
  return (results ?? []).map(([error, answer]) => {
    if (error?.message.startsWith('WRONGTYPE') === true) return ''
    if (error !== null) throw error
    return answer
  })
}
