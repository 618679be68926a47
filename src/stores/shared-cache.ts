/**
 * The shared cache on Redis.
 *
 * @module
 */
import type { SharedCache, SharedRead } from '#cache/shared.ts'

import { redisScript } from './redis-script.ts'
import type { RedisStore } from './redis.ts'

const MOST_VALUES = 32 // in one command: usually 16 kB, at most 2 MB
const LONGEST = 65_536 // bytes; nobody would believe more, and everybody who asked along would wait for it

/**
 * A value, what is left of its life, and the time: no other value may slip in between. A transaction would do as well,
 * but Redis takes on none when it is out of memory. What is no text at all, or too long, is read as an empty one: unusable.
 */
const readScript = `
local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for index, key in ipairs(KEYS) do
  local value = redis.pcall('GET', key)
  if type(value) == 'table' or value and #value > ${LONGEST} then value = '' end
  local last = 3 * index
  answers[last - 2], answers[last - 1], answers[last] = value, redis.call('PTTL', key), clock
end
return answers
`

/** Each argument is the end of a value's life, and after a space the value. */
const writeScript = `
local answers = {}
for index, key in ipairs(KEYS) do
  local stop, value = string.match(ARGV[index], '^(%d+) (.*)$')
  redis.call('SET', key, value, 'PXAT', stop)
  answers[index] = 1
end
return answers
`

/** Makes the shared cache (L2) of a Redis. */
export function createSharedCache(redis: RedisStore): SharedCache {
  const readOne = redisScript(redis, { query: 'cache_read', lua: readScript, width: 3, most: MOST_VALUES, read })
  const writeOne = redisScript(redis, {
    query: 'cache_write',
    lua: writeScript,
    width: 1,
    most: MOST_VALUES,
    read: () => undefined,
  })

  return {
    get down() {
      return redis.down
    },
    read: (key) => readOne(key, ''),
    write: (key, value, end) => writeOne(key, `${Math.floor(end)} ${value}`),
    remove: (key) =>
      redis.run('cache_remove', async (client) => {
        await client.del(key)
      }),
  }
}

function read(values: readonly unknown[], from: number): SharedRead {
  const [value, remaining, clock] = values.slice(from, from + 3)
  if (!isWhole(remaining) || !isWhole(clock)) throw new TypeError('not the answer of Redis')
  return { value: typeof value === 'string' ? value : undefined, remaining, clock }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}
