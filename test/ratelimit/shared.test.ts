import assert from 'node:assert/strict'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, suite, test } from 'node:test'

import { connectRedis, type RedisStore } from '#stores/redis.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { limit, limiting, outcome, type Asked } from '../support/limits.ts'
import { eventually } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'

const storeOf = ({ evidence }: Asked) => evidence.limits[0]?.store

suite('shared limits', { skip: noRedis }, () => {
  let server: TestRedis
  let redis: RedisStore
  beforeEach(async () => {
    server = await startRedis()
    redis = connectRedis(server.url, { metrics: createMetrics(), log: silent })
    await eventually('connected', () => redis.ready())
  })
  afterEach(async () => {
    redis.close()
    await server.stop()
  })

  const faults = [
    { fault: 'hangs', begin: async () => server.pause(), end: async () => server.resume() },
    { fault: 'is killed', begin: () => server.crash(), end: () => server.restart() },
  ]
  for (const { fault, begin, end } of faults) {
    test(`fall back within 100 ms when Redis ${fault}, and are back within 2 s`, async () => {
      const { stage, lines, metrics } = limiting({ redis })
      const ask = stage([limit('per-user', { allow: '1000/min' })])
      assert.equal(storeOf(await ask()), 'redis')

      await begin()
      for (const asked of await Promise.all(Array.from({ length: 30 }, () => ask()))) {
        assert.equal(storeOf(asked), 'fallback')
        assert.equal(outcome(asked), 'pass')
        assert.ok(asked.took < 100, `${asked.took} ms`)
      }
      const later = await ask()
      assert.ok(later.took < 20, `${later.took} ms although Redis is known to be away`)
      assert.equal((await metrics.limitFallback.get()).values[0]?.value, 1)

      await end()
      await eventually('counted in Redis again', async () => storeOf(await ask()) === 'redis', 2000)
      await eventually('the news is out', async () => (await ask()) && lines.length === 2, 2000)
      assert.deepEqual(lines, ['warn shared limits away', 'info shared limits back'])
      assert.equal((await metrics.limitFallback.get()).values[0]?.value, 0)
    })
  }

  test('hold the same quota in this process while Redis is away', async () => {
    const ask = limiting({ redis }).stage([limit('per-user')])
    await server.crash()
    const outcomes: string[] = []
    for (let time = 0; time < 7; time += 1) outcomes.push(outcome(await ask()))
    assert.deepEqual(outcomes, [...Array<string>(5).fill('pass'), 'rate_limited', 'rate_limited'])
  })

  test('are 503, never 429, when Redis is away and the limit says deny', async () => {
    const { stage, metrics } = limiting({ redis })
    const ask = stage([limit('strict', { on_store_down: 'deny' }), limit('lenient')])
    await server.crash()
    const { verdict } = await ask()
    assert.deepEqual(verdict, { kind: 'deny', code: 'limits_unavailable', note: 'cannot check strict' })
    const text = await metrics.registry.metrics()
    assert.match(text, /limit_decisions_total\{limit="strict",decision="unavailable",store="fallback"\} 1\n/)
    assert.equal((await stage([limit('lenient')])()).evidence.limits[0]?.remaining, 4) // nothing was counted before
  })

  test('let everything through when Redis is away and the limit says allow', async () => {
    const ask = limiting({ redis }).stage([limit('open', { allow: '1/min', on_store_down: 'allow' })])
    await server.crash()
    for (let time = 0; time < 5; time += 1) assert.equal(outcome(await ask()), 'pass')
  })

  test('fall back when Redis answers with an error: out of memory, or a replica now', async () => {
    const ask = limiting({ redis }).stage([limit('per-user', { allow: '1000/min' })])
    await server.client.config('SET', 'maxmemory', '1')
    assert.equal(storeOf(await ask()), 'fallback')
    await server.client.config('SET', 'maxmemory', '0')
    await eventually('counted in Redis again', async () => storeOf(await ask()) === 'redis', 2000)

    await server.client.replicaof('127.0.0.1', 1)
    assert.equal(storeOf(await ask()), 'fallback')
    await server.client.replicaof('NO', 'ONE')
    await eventually('counted in Redis again', async () => storeOf(await ask()) === 'redis', 2000)
  })

  test('fall back before the first connection', async () => {
    const early = connectRedis('redis://127.0.0.1:1', { metrics: createMetrics(), log: silent })
    const asked = await limiting({ redis: early }).stage([limit('per-user')])()
    early.close()
    assert.equal(storeOf(asked), 'fallback')
    assert.ok(asked.took < 100)
  })

  test('ask for all limits of a stage in one round trip', async () => {
    const way = await watched(server.port)
    const store = connectRedis(`redis://127.0.0.1:${way.port}`, { metrics: createMetrics(), log: silent })
    await eventually('connected', () => store.ready())
    const ask = limiting({ redis: store }).stage(['a', 'b', 'c', 'd'].map((name) => limit(name, { allow: '1000/min' })))
    await eventually('the script is known', async () => storeOf(await ask()) === 'redis')
    way.turns.length = 0
    const { evidence } = await ask()
    store.close()
    way.close()
    assert.deepEqual(
      evidence.limits.map(({ limit }) => limit),
      ['a', 'b', 'c', 'd'],
    )
    assert.deepEqual(way.turns, ['asked', 'answered'])
  })
})

/** A way to a port that notes who spoke, once for however much was said before the other side spoke. */
async function watched(port: number) {
  const turns: ('asked' | 'answered')[] = []
  const sockets = new Set<Socket>()
  const pass = (from: Socket, to: Socket, turn: 'asked' | 'answered') => {
    sockets.add(from)
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    from.on('data', (bytes) => {
      if (turns.at(-1) !== turn) turns.push(turn)
      to.write(bytes)
    })
  }
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    pass(near, far, 'asked')
    pass(far, near, 'answered')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: (server.address() as AddressInfo).port, turns, close }
}
