/**
 * Poison for the shared cache: whoever can write to Redis, short of telling a well-formed lie under the right key.
 *
 * @module
 */
import type { Redis } from 'ioredis'

const FRESH = 4900 // milliseconds: a believable remainder

/** What a value is replaced with; `others` are values that stand elsewhere. */
const ways: readonly ((redis: Redis, place: string, others: readonly string[]) => Promise<unknown>)[] = [
  (redis, place, others) => redis.set(place, others[0] ?? '', 'PX', FRESH), // another's value, whole
  (redis, place, others) => redis.set(place, elevated(others.at(-1) ?? '{}', place), 'PX', FRESH),
  (redis, place) => redis.set(place, '42', 'PX', FRESH),
  (redis, place) => redis.set(place, '{"key"', 'PX', FRESH),
  (redis, place) => redis.set(place, JSON.stringify({ key: place, value: null }), 'PX', FRESH),
  (redis, place) => redis.set(place, 'x'.repeat(100_000), 'PX', FRESH),
  (redis, place, others) => redis.set(place, others.at(-1) ?? ''), // for ever
  (redis, place) => redis.multi().del(place).lpush(place, 'a list').pexpire(place, FRESH).exec(),
]

/** The value of this very place with more to it than we write. */
function elevated(text: string, place: string): string {
  const { value } = JSON.parse(text) as { value?: object }
  return JSON.stringify({ key: place, value: { ...value, admin: true } })
}

let turn = 0

/** Poisons every cached answer, each turn in another way. */
export async function poison(redis: Redis): Promise<void> {
  const places = (await redis.keys('heimdall:1:*')).toSorted()
  const type = await Promise.all(places.map((place) => redis.type(place)))
  const texts = places.filter((_, index) => type[index] === 'string')
  const values = (texts.length === 0 ? [] : await redis.mget(texts)).map((value) => value ?? '')
  await Promise.all(
    texts.map(async (place, index) => {
      const own = values[index] ?? ''
      if (!own.startsWith(`{"key":"${place}"`)) return // poisoned already
      const others = [...values.filter((value) => value !== own && value.startsWith('{"key":"')), own]
      await ways[(turn + index) % ways.length]?.(redis, place, others)
    }),
  )
  turn += 1
}
