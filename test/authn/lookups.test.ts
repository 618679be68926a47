/**
 * Lookups over real stores: memory, Redis, Postgres.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, suite, test } from 'node:test'

import { createLookups } from '#authn/lookups.ts'
import type { Answer } from '#cache/tiered.ts'
import { digest, newApiKey, newSession } from '#directory/secrets.ts'
import { unhindered } from '#request/asker.ts'
import { migrate } from '#stores/migrations.ts'
import { connectPostgres } from '#stores/postgres.ts'
import { createSqlReads, type SqlReads } from '#stores/reads-sql.ts'
import { connectRedis, type RedisStore } from '#stores/redis.ts'
import { createSharedCache } from '#stores/shared-cache.ts'
import type { SqlStore } from '#stores/sql-store.ts'
import {
  createApiKey,
  createSession,
  grant,
  revokeApiKey,
  setRole,
  upsertUser,
  type NewApiKey,
} from '#stores/writes.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { END, sessionRecord, testDirectory } from '../support/directory.ts'
import { noPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'

async function issueKey(db: SqlStore['db'], wanted: NewApiKey) {
  const made = newApiKey()
  await createApiKey(db, made, wanted)
  return made
}

async function startSession(db: SqlStore['db'], session: { subject: string; expires_at: number }) {
  const made = newSession()
  await createSession(db, made, session)
  return made
}

const layerOf = (found: Answer<unknown>) => ('layer' in found ? found.layer : found.kind)

suite('createLookups', () => {
  test('keeps the three kinds apart, and both fields of an identity', async () => {
    const directory = testDirectory()
    directory.sessions.set('x', sessionRecord())
    directory.people.set('ab c', { roles: ['r'], permissions: [], active: true })
    const { lookups } = directory
    assert.equal((await lookups.session('x', 'deny', unhindered)).kind, 'found')
    assert.equal((await lookups.apiKey('x', 'deny', unhindered)).kind, 'absent')
    const other = await lookups.grants('a', 'bc', 'deny')
    assert.deepEqual(other.kind === 'found' && other.value.roles, [])
    const known = await lookups.grants('ab', 'c', 'deny')
    assert.deepEqual(known.kind === 'found' && known.value.roles, ['r'])
  })
})

suite('lookups over Redis and Postgres', { skip: noRedis || noPostgres }, () => {
  let redis: TestRedis
  let postgres: TestPostgres
  let store: RedisStore
  let database: SqlStore
  let reads: SqlReads
  /** Another gateway process on the same stores. */
  const gateway = () =>
    createLookups({ reads, shared: createSharedCache(store), metrics: createMetrics(), log: silent })

  before(async () => {
    const servers = await Promise.all([startRedis(), startPostgres()])
    ;[redis, postgres] = servers
    store = connectRedis(redis.url, { metrics: createMetrics(), log: silent })
    database = connectPostgres(postgres.url, { log: silent, timeout: 10_000 })
    await migrate(database.db)
    reads = createSqlReads(database, { metrics: createMetrics(), log: silent })
    await upsertUser(database.db, { id: 'alice', email: 'alice@acme.test' })
  })
  beforeEach(async () => {
    await eventually('ready', async () => store.ready() && (await reads.ready()))
  })
  after(async () => {
    store.close()
    reads.close()
    await database.close()
    await Promise.all([redis.stop(), postgres.stop()])
  })

  test('answers a session, a key and grants from Postgres, then from Redis, then from memory', async () => {
    const { value } = await startSession(database.db, { subject: 'alice', expires_at: END })
    const { id } = await issueKey(database.db, { subject: 'alice', roles: ['user'] })
    await setRole(database.db, 'user', ['orders:read'])
    await grant(database.db, { issuer: 'i', subject: 'alice' }, { roles: ['user'] })
    const [one, other] = [gateway(), gateway()]
    const ask = async (lookups: typeof one) => [
      await lookups.session(digest(value), 'deny', unhindered),
      await lookups.apiKey(id, 'deny', unhindered),
      await lookups.grants('i', 'alice', 'deny'),
    ]
    const first = await ask(one)
    assert.deepEqual(first.map(layerOf), ['source', 'source', 'source'])
    await eventually('written to Redis', async () => (await redis.client.dbsize()) === 3)
    const second = await ask(other)
    assert.deepEqual(second.map(layerOf), ['l2', 'l2', 'l2'])
    assert.deepEqual((await ask(other)).map(layerOf), ['l1', 'l1', 'l1'])
    const values = (found: Answer<unknown>[]) => found.map((one) => (one.kind === 'found' ? one.value : one.kind))
    assert.deepEqual(values(second), values(first))
  })

  test('believes a value in Redis for five seconds at most', async () => {
    const { id } = await issueKey(database.db, { subject: 'alice' })
    await redis.client.flushall()
    await gateway().apiKey(id, 'deny', unhindered)
    await eventually('written to Redis', async () => (await redis.client.dbsize()) === 1)
    const [key = ''] = await redis.client.keys('*')
    const left = await redis.client.pttl(key)
    assert.ok(left > 4000 && left <= 5000, `${left} ms`)
  })

  test('sees a revocation at every gateway within five seconds', async () => {
    const { id } = await issueKey(database.db, { subject: 'alice' })
    const gateways = [gateway(), gateway()]
    for (const one of gateways) await one.apiKey(id, 'deny', unhindered)
    await revokeApiKey(database.db, id)
    const revoked = performance.now()
    const seen = async () => {
      const found = await Promise.all(gateways.map(async (one) => one.apiKey(id, 'deny', unhindered)))
      return found.every((one) => one.kind === 'found' && one.value.revoked)
    }
    await eventually('revoked everywhere', seen, 5500)
    assert.ok(performance.now() - revoked < 5200)
  })

  test('ignores what somebody else put into Redis', async () => {
    const { id, value: key } = await issueKey(database.db, { subject: 'alice', roles: ['user'] })
    const other = await issueKey(database.db, { subject: 'mallory', roles: ['admin'] })
    await redis.client.flushall()
    await gateway().apiKey(other.id, 'deny', unhindered)
    await eventually('written to Redis', async () => (await redis.client.dbsize()) === 1)
    const [theirs = ''] = await redis.client.keys('*')
    await gateway().apiKey(id, 'deny', unhindered)
    await eventually('written to Redis', async () => (await redis.client.dbsize()) === 2)
    const ours = (await redis.client.keys('*')).find((name) => name !== theirs) ?? ''
    const poisons = [':42', 'null', (await redis.client.get(theirs)) ?? '', '{"key":"', '[]']
    for (const poison of poisons) {
      await redis.client.set(ours, poison, 'PX', 4000)
      const found = await gateway().apiKey(id, 'deny', unhindered)
      assert.deepEqual(found.kind === 'found' && [found.layer, found.value.digest], ['source', digest(key)], poison)
      await eventually('written over', async () => (await redis.client.get(ours)) !== poison)
    }
    await redis.client.del(ours)
    await redis.client.lpush(ours, 'x')
    assert.equal(layerOf(await gateway().apiKey(id, 'deny', unhindered)), 'source')
  })

  test('answers from Postgres, in time, while Redis hangs', async () => {
    const { id } = await issueKey(database.db, { subject: 'alice' })
    redis.pause()
    const start = performance.now()
    for (let turn = 0; turn < 20; turn += 1)
      assert.equal(layerOf(await gateway().apiKey(id, 'deny', unhindered)), 'source')
    const took = performance.now() - start
    redis.resume()
    assert.ok(took < 20 * 110, `${took} ms`)
  })

  test('serves from Redis while Postgres hangs, and is unavailable for what nobody knows', async () => {
    const { id } = await issueKey(database.db, { subject: 'alice' })
    await redis.client.flushall()
    await gateway().apiKey(id, 'deny', unhindered)
    await eventually('written to Redis', async () => (await redis.client.dbsize()) === 1)
    postgres.pause()
    const start = performance.now()
    assert.equal(layerOf(await gateway().apiKey(id, 'deny', unhindered)), 'l2')
    assert.equal(layerOf(await gateway().apiKey('unknown', 'deny', unhindered)), 'unavailable')
    const took = performance.now() - start
    postgres.resume()
    assert.ok(took < 650, `${took} ms`)
  })

  test('makes one read of a crowd when Redis was flushed', async () => {
    const { id } = await issueKey(database.db, { subject: 'alice' })
    const metrics = createMetrics()
    const counted = createSqlReads(database, { metrics, log: silent })
    const lookups = createLookups({ reads: counted, shared: createSharedCache(store), metrics, log: silent })
    await redis.client.flushall()
    await Promise.all(Array.from({ length: 500 }, async () => lookups.apiKey(id, 'deny', unhindered)))
    counted.close()
    assert.match(
      await metrics.registry.metrics(),
      /store_query_duration_seconds_count\{[^}]*query="api_key"[^}]*\} 1\n/,
    )
  })
})
