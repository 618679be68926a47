import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'

import * as fc from 'fast-check'
import type { Redis } from 'ioredis'

import { windowScript } from '#ratelimit/script.ts'
import { giveBack, newWindow, take, type Quota } from '#ratelimit/window.ts'

import { arrivals } from '../support/arrivals.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'

const START = 1_763_600_000_000_000 // microseconds, the size of today's times
const fivePerSecond: Quota = { count: 5, period: 1_000_000 }

type Answer = readonly [left: number, wait: number, at: number]

suite('windowScript', { skip: noRedis }, () => {
  let server: TestRedis
  let client: Redis
  before(async () => {
    server = await startRedis()
    client = server.client
  })
  after(() => server.stop())

  /** Asks the script as the counters do, at a time of the test's own; `amount` is 1, or minus a moment to give back. */
  const ask = (key: string, { count, period }: Quota, amount: number, time?: number): Promise<Answer> => {
    const words = [amount, count, period, ...(time === undefined ? [] : [time])]
    return client.eval(windowScript, 1, key, words.join(' ')) as Promise<Answer>
  }

  /** What the script would answer if it were `window.ts`. */
  const expected = (window: ReturnType<typeof newWindow>, quota: Quota, time: number): Answer => {
    const { allowed, remaining, wait, at } = take(window, quota, time)
    return [allowed ? remaining : -1, wait, at]
  }

  test('gives the same answers as the window in memory, at every edge and after every refund', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(arrivals(12), async ({ quota, steps }) => {
        const [key, window] = [`same:${(run += 1)}`, newWindow()]
        const [wanted, found]: [Answer[], Promise<Answer>[]] = [[], []]
        const passed: number[] = []
        let now = START
        for (const step of steps) {
          now += step.gap
          for (const at of passed.splice(0, step.undone)) {
            giveBack(window, quota, at, now)
            void ask(key, quota, -at, now)
          }
          for (let request = 0; request < step.requests; request += 1) {
            wanted.push(expected(window, quota, now))
            found.push(ask(key, quota, 1, now))
            if (Number(wanted.at(-1)?.[0]) >= 0) passed.push(now)
          }
        }
        assert.deepEqual(await Promise.all(found), wanted)
      }),
      { numRuns: 300 },
    )
  })

  test('follows a clock that steps back as the window does', async () => {
    const [key, window] = ['back', newWindow()]
    for (const time of [START, START - 400_000, START - 900_000, START - 1_100_000, START - 1_050_000, START]) {
      assert.deepEqual(await ask(key, fivePerSecond, 1, time), expected(window, fivePerSecond, time))
    }
  })

  test('counts by the time of the server', async () => {
    const [, , at] = await ask('clock', fivePerSecond, 1)
    const seconds = Number((await client.time())[0])
    assert.ok(Math.abs(at - seconds * 1_000_000) < 2_000_000, `${at} is not the time of the server`)
  })

  test('leaves one short string that ends two periods after the last request that passed', async () => {
    const quota = { count: 10_000, period: 60_000_000 }
    await Promise.all(Array.from({ length: 10_000 }, (_, index) => ask('short', quota, 1, START + index * 777)))
    const [length, ttl] = [await client.strlen('short'), await client.pttl('short')]
    assert.ok(length > 0 && length < 400, `${length} bytes`)
    assert.ok(ttl > 115_000 && ttl <= 120_000, `${ttl} ms`)
  })

  test('keeps no key for a window that was given back', async () => {
    const [, , at] = await ask('undone', fivePerSecond, 1)
    assert.equal(await client.exists('undone'), 1)
    await ask('undone', fivePerSecond, -at)
    assert.equal(await client.exists('undone'), 0)
  })

  test('gives nothing back to a counter that is gone', async () => {
    await ask('gone', fivePerSecond, -START, START)
    assert.equal(await client.exists('gone'), 0)
  })

  test('takes garbage, another type and times of another clock for an empty window', async () => {
    await client.set('garbage', 'not a window')
    await client.hset('hash', { field: 'value' })
    await client.set('ahead', `${START + 10_000_000} 5`)
    for (const key of ['garbage', 'hash', 'ahead']) {
      assert.deepEqual(await ask(key, fivePerSecond, 1, START), [4, 1_000_000, START])
      assert.equal((await ask(key, fivePerSecond, 1, START + 1))[0], 3)
    }
  })

  test('reads periods that are no whole seconds', async () => {
    const quota = { count: 1, period: 1_001_000 }
    await ask('odd', quota, 1, START)
    assert.deepEqual(await ask('odd', quota, 1, START + 1_000_999), [-1, 1, START + 1_000_999])
    assert.equal((await ask('odd', quota, 1, START + 1_001_000))[0], 0)
  })

  test('answers for many keys in their order, each by its own quota', async () => {
    const words = [
      `1 5 1000000 ${START}`,
      `1 1 2000000 ${START}`,
      `1 1 2000000 ${START + 1}`,
      `1 9 1000000 ${START + 5}`,
    ]
    const answers = [
      [4, 1_000_000, START],
      [0, 2_000_000, START],
      [-1, 1_999_999, START + 1],
      [8, 1_000_000, START + 5],
    ]
    assert.deepEqual(await client.eval(windowScript, 4, 'm1', 'm2', 'm2', 'm3', ...words), answers.flat())
  })
})
