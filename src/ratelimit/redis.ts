/**
 * Counters that all gateways share in Redis. All limits have one script, so whatever is counted in one turn of the event
 * loop, by however many limits and requests, travels together.
 *
 * @module
 */
import { redisScript } from '#stores/redis-script.ts'
import type { RedisStore } from '#stores/redis.ts'

import type { Counter } from './counter.ts'
import { windowScript } from './script.ts'
import type { Quota, Taken } from './window.ts'

/** Windows in one command: at most a millisecond of Redis's time. */
const MOST_WINDOWS = 32

/** Makes the function that makes the counter of a limit, `id` its name in Redis. */
export function redisCounters(redis: Pick<RedisStore, 'client' | 'run'>) {
  const script = redisScript<Taken>(redis, { query: 'limit', lua: windowScript, width: 3, most: MOST_WINDOWS, read })

  return (id: string, { count, period }: Quota): Counter => {
    const quota = `${count} ${period}`
    const take = `1 ${quota}`
    const place = (key: string) => `heimdall:limit:${id}:${key}`

    return {
      take: (key) => script(place(key), take),
      giveBack(key, at) {
        script(place(key), `${-at} ${quota}`).catch(() => undefined)
      },
    }
  }
}

/** What is no number must not refuse anybody. */
function read(values: readonly unknown[], from: number): Taken {
  const [left, wait, at] = [whole(values[from]), whole(values[from + 1]), whole(values[from + 2])]
  return { allowed: left >= 0, remaining: Math.max(0, left), wait, at }
}

function whole(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new TypeError('not the answer of the script')
}
