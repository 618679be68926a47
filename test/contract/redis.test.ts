/**
 * One Redis, the primary that Sentinels name and a Cluster behave alike: through our own client, limits and shared cache.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { redisCounters } from '#ratelimit/redis.ts'
import { CallRefused } from '#resilience/breaker.ts'
import { connectRedis, type RedisStore } from '#stores/redis.ts'
import { createSharedCache } from '#stores/shared-cache.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { noCluster, startCluster } from '../support/redis-cluster.ts'
import { startSentinels } from '../support/redis-sentinel.ts'
import { startRedis } from '../support/redis.ts'
import { counterContract } from './counter.ts'

type Start = () => Promise<{ readonly url: string; stop(): Promise<unknown> }>

const kinds: Readonly<Record<string, Start>> = {
  'one Redis': () => startRedis(),
  'a Redis of Sentinels': () => startSentinels(),
  'a Redis Cluster': () => startCluster(),
}

const contract = (name: string, start: Start) =>
  suite(name, () => {
    const keep = keeper()
    let store: RedisStore
    const cache = () => createSharedCache(store)
    const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`) // in a Cluster: of every node

    before(async () => {
      const { url } = keep(await start())
      store = connectRedis(url, { metrics: createMetrics(), log: silent })
      keep({ close: () => Promise.resolve(store.close()) })
      await eventually('connected', () => store.ready())
    })

    counterContract(name, () => ({
      // Without the deadline of requests, for which no request waits here.
      counter: redisCounters({ client: store.client, run: (_, action) => action(store.client) }),
      close: () => Promise.resolve(),
    }))

    test('answers values with what is left of their lives', async () => {
      await Promise.all(
        keys.map(async (key) => {
          const { clock, value } = await cache().read(key)
          assert.equal(value, undefined)
          await cache().write(key, `of ${key}\n é`, clock + 5000)
          const read = await cache().read(key)
          assert.equal(read.value, `of ${key}\n é`)
          assert.ok(read.remaining > 3000 && read.remaining <= 5000, `${read.remaining}`)
          await cache().remove(key)
          assert.equal((await cache().read(key)).value, undefined)
        }),
      )
    })

    test('loses a write that arrives after the end it names', async () => {
      const { clock } = await cache().read('late')
      await cache().write('late', 'text', clock - 1)
      assert.equal((await cache().read('late')).value, undefined)
    })

    test('counts on with scripts that the servers have forgotten', async () => {
      const counter = redisCounters(store)('forgotten', { count: 100, period: 60_000_000 })
      const ask = () => Promise.all(keys.map(async (key) => (await counter.take(key)).remaining))
      assert.ok((await ask()).every((remaining) => remaining === 99))
      const nodes = 'nodes' in store.client ? store.client.nodes('master') : [store.client]
      await Promise.all(nodes.map((node) => node.script('FLUSH')))
      assert.ok((await ask()).every((remaining) => remaining === 98))
    })

    test('is closed at once', async () => {
      store.close()
      assert.equal(store.ready(), false)
      await assert.rejects(cache().read('k'), CallRefused)
    })
  })

suite('Redis of every kind', { skip: noCluster }, () => {
  for (const [name, start] of Object.entries(kinds)) void contract(name, start)
})
