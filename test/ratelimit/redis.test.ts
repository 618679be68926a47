import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { Cluster, Redis } from 'ioredis'

import { redisCounter } from '#ratelimit/redis.ts'

import { eventually } from '../support/processes.ts'
import { noRedis, startRedis } from '../support/redis.ts'
import { bulk, startRespServer } from '../support/resp-server.ts'

const perMinute = { count: 2, period: 60_000_000 }

suite('redisCounter', { skip: noRedis }, () => {
  test('answers a refusal and rejects a failure', async (t) => {
    const server = await startRedis()
    t.after(() => server.stop())
    const counter = redisCounter(server.client, 'told-apart', perMinute)
    assert.equal((await counter.take('alice')).allowed, true)
    assert.equal((await counter.take('alice')).allowed, true)
    assert.equal((await counter.take('alice')).allowed, false)
    await server.client.config('SET', 'maxmemory', '1')
    await assert.rejects(async () => counter.take('bob'), /OOM/)
    counter.giveBack('bob', 0)
  })

  test('rejects at once while there is no connection', async () => {
    const client = new Redis({ lazyConnect: true })
    const counter = redisCounter(client, 'away', perMinute)
    await assert.rejects(async () => counter.take('alice'), /not ready/)
    counter.giveBack('alice', 0)
    client.disconnect()
  })

  test('counts on a Cluster, whatever slots the keys fall into', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'heimdall-cluster-'))
    const server = await startRedis([
      '--cluster-enabled',
      'yes',
      '--cluster-announce-ip',
      '127.0.0.1',
      '--dir',
      directory,
    ])
    t.after(() => server.stop().finally(() => rmSync(directory, { recursive: true })))
    await server.client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    const cluster = new Cluster([server.port])
    t.after(() => cluster.disconnect())
    cluster.on('error', () => undefined)
    await eventually('the cluster is up', () => cluster.status === 'ready')

    const counters = ['a', 'b', 'c'].map((id) => redisCounter(cluster, id, perMinute))
    const users = Array.from({ length: 20 }, (_, index) => `user${index}`)
    const ask = () =>
      Promise.all(counters.flatMap((counter) => users.map(async (user) => (await counter.take(user)).allowed)))
    assert.ok((await ask()).every(Boolean))
    assert.ok((await ask()).every(Boolean))
    assert.ok(!(await ask()).some(Boolean))
  })
})

suite('redisCounter on what is no Redis', () => {
  for (const [what, answer] of [
    ['nothing', '$-1\r\n'],
    ['an empty list', '*0\r\n'],
    ['a list of nothing', '*2\r\n$-1\r\n$-1\r\n'],
    ['no times', `*2\r\n:1\r\n${bulk('x y')}`],
    ['one time', `*2\r\n:1\r\n${bulk('5')}`],
    ['no count', `*2\r\n${bulk('many')}${bulk('5 5')}`],
  ] as const)
    test(`takes ${what} for a failure, not for a refusal`, async (t) => {
      const server = await startRespServer((command) => (command.startsWith('eval') ? answer : undefined))
      t.after(() => server.stop())
      const client = new Redis({ port: server.port, host: '127.0.0.1', enableOfflineQueue: false })
      t.after(() => client.disconnect())
      await eventually('it is ready', () => client.status === 'ready')
      await assert.rejects(async () => redisCounter(client, 'odd', perMinute).take('alice'), TypeError)
    })
})
