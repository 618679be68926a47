/**
 * Redis as it fails: refused, hung, slow to come back, a replica, out of memory, garbage.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { after, before, beforeEach, suite, test } from 'node:test'

import { CallRefused } from '#resilience/breaker.ts'
import { connectRedis, type RedisStore } from '#stores/redis.ts'
import { createSharedCache } from '#stores/shared-cache.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { startFaultProxy } from '../support/fault-proxy.ts'
import { eventually } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'

const SLACK = 60 // milliseconds that a busy machine may add

const ping = (store: RedisStore) => store.run('ping', (client) => client.ping())

/** Makes calls one after another; the longest, in milliseconds, and how they ended. */
async function measure(count: number, call: () => Promise<unknown>) {
  let longest = 0
  const errors: unknown[] = []
  for (let turn = 0; turn < count; turn += 1) {
    const start = performance.now()
    await call().catch((error: unknown) => errors.push(error))
    longest = Math.max(longest, performance.now() - start)
  }
  return { longest, errors }
}

suite('connectRedis', { skip: noRedis }, () => {
  let redis: TestRedis
  let store: RedisStore

  before(async () => {
    redis = await startRedis()
    store = connectRedis(redis.url, { metrics: createMetrics(), log: silent })
  })
  beforeEach(() => eventually('ready', () => store.ready()))
  after(async () => {
    store.close()
    await redis.stop()
  })

  test('runs commands', async () => {
    assert.equal(await ping(store), 'PONG')
  })

  test('returns at once when nobody listens, and connects when somebody does', async () => {
    const other = await startRedis()
    await other.crash()
    const lonely = connectRedis(other.url, { metrics: createMetrics(), log: silent })
    const { longest, errors } = await measure(30, () => ping(lonely))
    assert.equal(errors.length, 30)
    assert.ok(longest < 50 + SLACK, `${longest} ms`)
    assert.equal(lonely.ready(), false)
    assert.equal(lonely.down, true)
    await other.restart()
    await eventually('connected', async () => (await ping(lonely).catch(() => undefined)) === 'PONG', 2000)
    lonely.close()
    await other.stop()
  })

  test('ends commands in time when Redis hangs, soon refuses them at once, and is back within two seconds', async () => {
    redis.pause()
    const first = await measure(20, () => ping(store))
    assert.equal(first.errors.length, 20)
    assert.ok(first.longest < 50 + SLACK, `${first.longest} ms`)
    assert.equal(store.down, true)
    const refused = await measure(100, () => ping(store))
    assert.ok(refused.errors.filter((error) => error instanceof CallRefused).length >= 98)
    redis.resume()
    await eventually('back', async () => (await ping(store).catch(() => undefined)) === 'PONG', 2000)
  })

  test('gives up a hung connection, so that what was written to it is not sent again', async () => {
    await redis.client.del('counter')
    redis.pause()
    await assert.rejects(store.run('count', (client) => client.incr('counter')))
    await eventually('connection given up', () => store.client.status !== 'ready', 3000)
    redis.resume()
    await eventually('back', () => store.ready(), 2000)
    assert.equal(await redis.client.get('counter'), '1') // the one that was under way; never a second
  })

  test('gives up a connection that lost an answer, on which every later one would come too late', async () => {
    const proxy = await startFaultProxy(redis.port)
    const late = connectRedis(`redis://127.0.0.1:${proxy.port}`, { metrics: createMetrics(), log: silent })
    await redis.client.set('name', 'value')
    const read = () => late.run('get', (client) => client.get('name')).catch(() => undefined)
    await eventually('ready', () => late.ready())
    await proxy.set({ kind: 'alter', piece: () => '' })
    assert.equal(await read(), undefined)
    await proxy.set({ kind: 'pass' })
    await eventually('left alone', async () => (await read(), late.down), 2000)
    await eventually('back', async () => (await read()) === 'value', 3000)
    late.close()
    await proxy.close()
  })

  test('recovers from a crash within two seconds', async () => {
    await redis.crash()
    const { longest } = await measure(20, () => ping(store))
    assert.ok(longest < 50 + SLACK, `${longest} ms`)
    await redis.restart()
    await eventually('back', async () => (await ping(store).catch(() => undefined)) === 'PONG', 2000)
  })

  test('reconnects when the primary has become a replica', async () => {
    const epoch = () => (store.client as unknown as { connectionEpoch: number }).connectionEpoch
    const earlier = epoch()
    await redis.client.replicaof('127.0.0.1', '1')
    const warnings: Error[] = []
    const warned = (warning: Error) => warnings.push(warning)
    process.on('warning', warned)
    const write = () => store.run('write', (client) => client.set('k', 'v'))
    const refused = await Promise.allSettled(Array.from({ length: 30 }, write))
    for (const { status } of refused) assert.equal(status, 'rejected')
    await redis.client.replicaof('NO', 'ONE')
    await eventually('reconnected', () => store.ready() && epoch() > earlier)
    assert.equal(await write(), 'OK')
    process.off('warning', warned)
    assert.deepEqual(warnings, [], 'thirty refusals are one reason to reconnect')
  })

  test('goes on reading when Redis is out of memory', async () => {
    await redis.client.config('SET', 'maxmemory', '1')
    for (let turn = 0; turn < 30; turn += 1)
      await assert.rejects(
        store.run('write', (client) => client.set('k', 'v')),
        /OOM/,
      )
    assert.equal(store.down, false)
    assert.equal(await ping(store), 'PONG')
    await redis.client.config('SET', 'maxmemory', '0')
  })

  test('bounds the commands under way', async () => {
    redis.pause()
    const outcomes = await Promise.allSettled(Array.from({ length: 2000 }, () => ping(store)))
    redis.resume()
    const busy = outcomes.filter((outcome) => 'reason' in outcome && outcome.reason instanceof CallRefused)
    assert.ok(busy.length >= 1000, `${busy.length} refused`)
  })

  test('counts errors and times commands', async () => {
    const metrics = createMetrics()
    const other = connectRedis(redis.url, { metrics, log: silent })
    await eventually('ready', () => other.ready())
    await ping(other)
    await assert.rejects(other.run('wrong', (client) => client.call('NOSUCH')))
    other.close()
    assert.equal((await metrics.storeErrors.get()).values[0]?.value, 1)
    assert.match(await metrics.registry.metrics(), /store_query_duration_seconds_count\{[^}]*query="ping"[^}]*\} 1/)
  })

  test('refuses commands once closed', async () => {
    const other = connectRedis(redis.url, { metrics: createMetrics(), log: silent })
    await eventually('ready', () => other.ready())
    other.close()
    await assert.rejects(ping(other), CallRefused)
    assert.equal(other.ready(), false)
  })
})

suite('createSharedCache', { skip: noRedis }, () => {
  let redis: TestRedis
  let store: RedisStore

  before(async () => {
    redis = await startRedis()
    store = connectRedis(redis.url, { metrics: createMetrics(), log: silent })
    await eventually('ready', () => store.ready())
  })
  beforeEach(() => redis.client.flushall())
  after(async () => {
    store.close()
    await redis.stop()
  })

  test('answers a value with what is left of its life', async () => {
    const cache = createSharedCache(store)
    const { clock, value } = await cache.read('k')
    assert.equal(value, undefined)
    await cache.write('k', 'text', clock + 5000)
    const read = await cache.read('k')
    assert.equal(read.value, 'text')
    assert.ok(read.remaining > 4000 && read.remaining <= 5000, `${read.remaining}`)
  })

  test('loses a write that arrives after the end it names', async () => {
    const cache = createSharedCache(store)
    const { clock } = await cache.read('k')
    await cache.write('k', 'late', clock - 1)
    assert.equal((await cache.read('k')).value, undefined)
  })

  test('does not revive a value whose write waited in a hung Redis', async () => {
    const cache = createSharedCache(store)
    const { clock } = await cache.read('k')
    redis.pause()
    await assert.rejects(cache.write('k', 'revoked', clock + 300))
    const waited = performance.now() + 400
    await eventually('its life is over', () => performance.now() > waited)
    redis.resume()
    assert.equal(await redis.client.get('k'), null)
    await eventually('back', () => store.ready(), 2000)
  })

  test('removes a value', async () => {
    const cache = createSharedCache(store)
    await redis.client.set('k', 'v')
    await cache.remove('k')
    assert.equal(await redis.client.exists('k'), 0)
  })

  test('is read on while Redis is out of memory and nothing can be written', async () => {
    const cache = createSharedCache(store)
    await redis.client.set('k', 'text', 'PX', 4000)
    await redis.client.config('SET', 'maxmemory', '1')
    for (let turn = 0; turn < 3; turn += 1) assert.equal((await cache.read('k')).value, 'text')
    await assert.rejects(cache.write('k', 'other', (await cache.read('k')).clock + 5000), /OOM/)
    await redis.client.config('SET', 'maxmemory', '0')
  })

  test('reads a key of another type as a value that is none, so that it is replaced', async () => {
    const cache = createSharedCache(store)
    await redis.client.lpush('k', 'v')
    assert.equal((await cache.read('k')).value, '')
  })

  test('fetches nothing that is too long to be believed', async () => {
    const cache = createSharedCache(store)
    await redis.client.set('k', 'x'.repeat(65_537))
    assert.equal((await cache.read('k')).value, '')
    await redis.client.set('k', 'x'.repeat(65_536))
    assert.equal((await cache.read('k')).value?.length, 65_536)
  })

  test('survives a server that speaks something else', async () => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('data', () => socket.write(':42\r\n%garbage\r\n'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const odd = connectRedis(`redis://127.0.0.1:${port}`, { metrics: createMetrics(), log: silent })
    const { longest, errors } = await measure(20, () => createSharedCache(odd).read('k'))
    assert.equal(errors.length, 20)
    assert.ok(longest < 50 + SLACK, `${longest} ms`)
    odd.close()
    sockets.forEach((socket) => socket.destroy())
    server.close()
  })
})
