import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'

import { redisCounters } from '#ratelimit/redis.ts'
import { connectRedis, type RedisStore } from '#stores/redis.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { eventually } from '../support/processes.ts'
import { noRedis, startRedis } from '../support/redis.ts'
import { bulk, startRespServer } from '../support/resp-server.ts'

const perMinute = { count: 2, period: 60_000_000 }

async function open(t: TestContext, url: string): Promise<RedisStore> {
  const store = connectRedis(url, { metrics: createMetrics(), log: silent })
  t.after(() => store.close())
  await eventually('connected', () => store.ready())
  return store
}

suite('redisCounters', { skip: noRedis }, () => {
  test('answer a refusal and reject a failure', async (t) => {
    const server = await startRedis()
    t.after(() => server.stop())
    const counter = redisCounters(await open(t, server.url))('told-apart', perMinute)
    assert.equal((await counter.take('alice')).allowed, true)
    assert.equal((await counter.take('alice')).allowed, true)
    assert.equal((await counter.take('alice')).allowed, false)
    await server.client.config('SET', 'maxmemory', '1')
    await assert.rejects(async () => counter.take('bob'), /OOM/)
    counter.giveBack('bob', 0)
  })

  test('reject at once while there is no connection', async (t) => {
    const store = connectRedis('redis://127.0.0.1:1', { metrics: createMetrics(), log: silent })
    t.after(() => store.close())
    const counter = redisCounters(store)('away', perMinute)
    const began = performance.now()
    await assert.rejects(async () => counter.take('alice'), /not connected/)
    assert.ok(performance.now() - began < 40)
    counter.giveBack('alice', 0)
  })

  test('count what is asked at once in one command, each key by the limit it belongs to', async (t) => {
    const server = await startRedis()
    t.after(() => server.stop())
    const counters = redisCounters(await open(t, server.url))
    const [narrow, wide] = [counters('narrow', { count: 1, period: 60_000_000 }), counters('wide', perMinute)]
    await narrow.take('warm')
    await server.client.config('RESETSTAT')
    const asked = [narrow, wide, narrow, wide, wide].map(async (counter) => counter.take('alice'))
    const told = (await Promise.all(asked)).map(({ allowed, remaining }) => [allowed, remaining])
    assert.deepEqual(told, [
      [true, 0],
      [true, 1],
      [false, 0],
      [true, 0],
      [false, 0],
    ])
    assert.match(await server.client.info('commandstats'), /cmdstat_evalsha:calls=1,/)
  })
})

suite('redisCounters on what is no Redis', () => {
  for (const [what, answer] of [
    ['nothing', '$-1\r\n'],
    ['an empty list', '*0\r\n'],
    ['a list of nothing', '*3\r\n$-1\r\n$-1\r\n$-1\r\n'],
    ['a short list', '*2\r\n:1\r\n:1\r\n'],
    ['a long list', '*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n'],
    ['no times', `*3\r\n:1\r\n${bulk('x')}${bulk('y')}`],
    ['no count', `*3\r\n${bulk('many')}:5\r\n:5\r\n`],
    ['a count without end', '*3\r\n:9007199254740993\r\n:5\r\n:5\r\n'],
  ] as const)
    test(`take ${what} for a failure, not for a refusal`, async (t) => {
      const server = await startRespServer((command) => (command.startsWith('eval') ? answer : undefined))
      t.after(() => server.stop())
      const store = await open(t, `redis://127.0.0.1:${server.port}`)
      await assert.rejects(async () => redisCounters(store)('odd', perMinute).take('alice'), TypeError)
    })
})
