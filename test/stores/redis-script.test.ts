/** @module */
import assert from 'node:assert/strict'
import { after, before, beforeEach, suite, test } from 'node:test'

import { CallRefused } from '#resilience/breaker.ts'
import { redisScript } from '#stores/redis-script.ts'
import { connectRedis, type RedisStore } from '#stores/redis.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { eventually } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'

/** Puts the argument at the end of what is under the key; what it is then, and how many keys came with it. */
const lua = `
local answers = {}
for index, key in ipairs(KEYS) do
  redis.call('APPEND', key, ARGV[index])
  answers[2 * index - 1], answers[2 * index] = redis.call('GET', key), #KEYS
end
return answers
`

const read = (values: readonly unknown[], from: number) => {
  const [text, together] = values.slice(from, from + 2)
  if (typeof text !== 'string') throw new TypeError('no text')
  return { text, together }
}

suite('redisScript', { skip: noRedis }, () => {
  let redis: TestRedis
  let store: RedisStore
  const appending = () => redisScript(store, { query: 'append', lua, width: 2, most: 4, read })

  before(async () => {
    redis = await startRedis()
    store = connectRedis(redis.url, { metrics: createMetrics(), log: silent })
  })
  beforeEach(async () => {
    await redis.client.flushall()
    await eventually('ready', () => store.ready())
  })
  after(async () => {
    store.close()
    await redis.stop()
  })

  test('answers what is asked in one turn together, each its own, in the order it was asked', async () => {
    const append = appending()
    assert.deepEqual(await Promise.all([append('a', '1'), append('b', '2'), append('a', '3')]), [
      { text: '1', together: 3 },
      { text: '2', together: 3 },
      { text: '13', together: 3 },
    ])
    assert.deepEqual(await append('a', '4'), { text: '134', together: 1 })
  })

  test('puts no more than told into one command', async () => {
    const append = appending()
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => append('k', String(index))))
    assert.deepEqual(
      answers.map(({ together }) => together),
      [4, 4, 4, 4, 4, 4, 4, 4, 2, 2],
    )
    assert.equal(answers.at(-1)?.text, '0123456789')
  })

  test('runs a script once where the server has forgotten it', async () => {
    const append = appending()
    await append('k', '1')
    await redis.client.script('FLUSH')
    assert.equal((await append('k', '2')).text, '12')
    assert.equal((await append('k', '3')).text, '123')
  })

  test('fails all who asked together, with what Redis said', async () => {
    await redis.client.lpush('list', 'x')
    const append = appending()
    const outcomes = await Promise.allSettled([append('list', '1'), append('fine', '2')])
    for (const outcome of outcomes) assert.match(String('reason' in outcome && outcome.reason), /WRONGTYPE/)
    assert.equal((await append('other', '1')).text, '1')
  })

  test('takes an answer of another shape for a failure', async () => {
    const wide = redisScript(store, { query: 'append', lua, width: 3, most: 4, read })
    await assert.rejects(wide('a', '1'), /not the answer of the script/)
    const strict = redisScript(store, { query: 'append', lua, width: 2, most: 4, read: () => read([1, 2], 0) })
    await assert.rejects(strict('a', '1'), /no text/)
  })

  test('fails everybody within the deadline when Redis hangs, refuses more than it may keep waiting, and goes on after', async () => {
    const append = appending()
    redis.pause()
    const began = performance.now()
    const outcomes = await Promise.allSettled(Array.from({ length: 5000 }, () => append('k', '1')))
    const took = performance.now() - began
    assert.ok(
      outcomes.every(({ status }) => status === 'rejected'),
      'nothing was answered',
    )
    const refused = outcomes.slice(4096).filter((one) => 'reason' in one && one.reason instanceof CallRefused)
    assert.equal(refused.length, 5000 - 4096)
    assert.ok(took < 300, `${took} ms`)
    assert.equal(store.down, true)
    redis.resume()
    await eventually('back', async () => (await append('l', '').catch(() => undefined)) !== undefined, 3000)
  })
})
