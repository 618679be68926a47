/**
 * The shared cache on Redis.
 *
 * @module
 */
import type { SharedCache } from '#cache/shared.ts'

import type { RedisStore } from './redis.ts'

/**
 * A value, what is left of its life, and the time: no other value may slip in between. A transaction would do as well,
 * but Redis takes on none when it is out of memory. What is no text at all is read as an empty one: unusable.
 */
const readScript = `
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then value = '' end
local time = redis.call('TIME')
return {value, redis.call('PTTL', KEYS[1]), time[1], time[2]}
`

/** Makes the shared cache (L2) of a Redis. */
export function createSharedCache(redis: RedisStore): SharedCache {
  return {
    get down() {
      return redis.down
    },
    read: (key) =>
      redis.run('cache_read', async (client) => {
        const answer = await client.eval(readScript, 1, key)
        const [value, remaining, seconds, microseconds] = Array.isArray(answer) ? (answer as unknown[]) : []
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
