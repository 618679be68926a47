/**
 * Redis fails in every way we know of, under traffic (F1 to F5).
 *
 * Times are compared within one run, and what the machine itself is late is allowed for.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { cacheKey } from '#cache/key.ts'
import { digest } from '#directory/secrets.ts'

import { ask } from '../support/ask.ts'
import { report } from '../support/figures.ts'
import type { LogLine } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { noRedis } from '../support/redis.ts'
import { startScene, type Scene } from '../support/scenario.ts'
import { expecting } from '../support/witness.ts'
import { redisFaults, slowLoading, surviveRedis, type RedisFault } from './redis-faults.ts'

suite('Redis fails under traffic', { skip: noRedis || noPostgres }, () => {
  const keep = keeper()
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-redis-'))
  after(() => rmSync(folder, { recursive: true }))
  let scene: Scene

  before(async () => {
    scene = await startScene(keep, { redis: slowLoading(folder) })
  })

  for (const [what, fault] of Object.entries<RedisFault>(redisFaults))
    test(`${fault.row}: a Redis that ${what} costs nobody an answer, and tokens no time`, async () => {
      await surviveRedis(scene, { what, ...fault }, { during: what.includes('poison') ? 7000 : 3000 })
    })

  /** Scripts and transactions that Redis has worked on: of the gateway, nobody else sends any. */
  const commands = async (): Promise<number> => {
    const calls = (await scene.redis.client.info('commandstats')).matchAll(/cmdstat_(?:evalsha|multi):calls=(\d+)/g)
    return [...calls].reduce((sum, [, count]) => sum + Number(count), 0)
  }
  /** What is left of forty a minute to somebody; undefined for a refusal. */
  const few = async (who: { Authorization: string }): Promise<number | undefined> => {
    const expected = expecting({ issuer: scene.issuer.name, subject: 'dave', authenticator: 'acme' })
    const answer = await ask(scene.gateway, 'GET /few', { ...who, ...expected })
    return answer.status === 200 ? Number(/r=(\d+)/.exec(answer.header('ratelimit') ?? '')?.[1]) : undefined
  }
  const isShared = () =>
    eventually('limits are shared', async () => (await scene.metric('heimdall_limit_fallback')) === 0)
  const newSession = async () => {
    const { value, ask: enter } = await scene.newSession()
    return { enter, place: `heimdall:1:session:${cacheKey('session', digest(value))}` }
  }

  test('F2: a Redis that was hung counts late what it was asked before it was left alone, and no more', async () => {
    const dave = scene.issuer.as('dave')
    assert.equal(await few(dave), 39)
    scene.redis.pause()
    let passed = 0
    for (let turn = 0; turn < 60; turn += 1) if ((await few(dave)) !== undefined) passed += 1
    scene.redis.resume()
    await isShared()
    const late = 38 - ((await few(dave)) ?? NaN)
    report('F2', { what: 'counted late', quota: 40, passed_while_hung: passed, counted_late: late })
    assert.equal(passed, 40, 'the quota is counted here')
    assert.ok(late >= 0 && late <= 20, `${late} counted late`)
  })

  test('F3: a Redis that is slow is asked twenty times, then twice a second', async () => {
    const begun = await commands()
    await scene.proxies.redis.set({ kind: 'delay', ms: 200 })
    await sleep(3000)
    const asked = (await commands()) - begun
    await scene.proxies.redis.set({ kind: 'pass' })
    await isShared()
    report('F3', { what: 'asked while 200 ms late', commands_in_3_s: asked })
    assert.ok(asked <= 60, `asked ${asked} times in three seconds`)
  })

  test('F4: of a Redis without memory the cache is read on, and what cannot be written is counted', async () => {
    await scene.redis.client.config('SET', 'maxmemory', '1mb')
    const count = async () => ({
      reads: await scene.metric('heimdall_store_query_duration_seconds_count', { store: 'redis', query: 'cache_read' }),
      errors: await scene.metric('heimdall_store_errors_total', { store: 'redis' }),
    })
    const calm = await count()
    const { enter, place } = await newSession()
    assert.equal(await enter(), 200)
    const now = await count()
    assert.equal(await scene.redis.client.exists(place), 0)
    await scene.redis.client.config('SET', 'maxmemory', '0')
    await isShared()
    assert.ok(now.reads > calm.reads && now.errors > calm.errors, JSON.stringify({ calm, now }))
  })

  test('F5: what is no value of ours is replaced, whatever its type', async () => {
    const warned = scene.gateway.lines.length
    for (const spoil of [
      (place: string) => scene.redis.client.lpush(place, 'a list'),
      (place: string) => scene.redis.client.set(place, '42', 'PX', 4000),
    ]) {
      const { enter, place } = await newSession()
      await spoil(place)
      assert.equal(await enter(), 200)
      await eventually('replaced', async () => (await scene.redis.client.type(place)) === 'string')
      await eventually('a value', async () => ((await scene.redis.client.get(place)) ?? '').includes(place))
    }
    const isTold = ({ msg }: LogLine) => msg === 'shared cache held an unusable value'
    await eventually('it is told', () => scene.gateway.lines.slice(warned).filter(isTold).length === 2)
  })

  test('F5: a flush starts no storm: whoever asks for the same at once waits for one read', async () => {
    const reads = () => scene.metric('heimdall_store_query_duration_seconds_count', { store: 'postgres' })
    const { enter } = await newSession()
    await scene.redis.client.flushall()
    const begun = await reads()
    const statuses = await Promise.all(Array.from({ length: 100 }, enter))
    const read = (await reads()) - begun
    report('F5', { what: 'a hundred ask at once after a flush', reads_of_postgres: read })
    assert.deepEqual(new Set(statuses), new Set([200]))
    assert.ok(read <= 40, `${read} reads`) // two are for these, the rest is the traffic beside them
  })
})
