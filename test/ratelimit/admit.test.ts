import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'

import { newEvidence } from '#request/evidence.ts'
import { connectRedis, type RedisStore } from '#stores/redis.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { principal } from '../support/incoming.ts'
import { limit, limiting, limitSubject, outcome } from '../support/limits.ts'
import { eventually } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'

const bob = limitSubject({ principal: principal({ subject: 'bob' }) })
const clock = { now: () => 1000 }

/** Asks `times` times in turn; the outcomes in order. */
async function ask(stage: () => Promise<Parameters<typeof outcome>[0]>, times: number): Promise<string[]> {
  const outcomes: string[] = []
  for (let time = 0; time < times; time += 1) outcomes.push(outcome(await stage()))
  return outcomes
}

suite('admitLimits in memory', () => {
  test('answers at once', () => {
    const admit = limiting().compile([limit('per-user')])
    assert.deepEqual(admit(limitSubject(), newEvidence('r', 't')), { kind: 'pass', value: undefined })
  })

  test('refuses with 429 what a limit has no room for, and says when to come back', async () => {
    const stage = limiting(clock).stage([limit('per-user')])
    assert.deepEqual(await ask(stage, 5), Array(5).fill('pass'))
    const { verdict } = await stage()
    assert.deepEqual(verdict, {
      kind: 'deny',
      code: 'rate_limited',
      note: 'used up: per-user',
      headers: { 'Retry-After': '60', 'RateLimit-Policy': '"per-user";q=5;w=60', RateLimit: '"per-user";r=0;t=60' },
    })
    assert.equal(outcome(await stage(bob)), 'pass')
  })

  test('tells the evidence what every limit said', async () => {
    const stage = limiting(clock).stage([
      limit('per-user', { report: true }),
      limit('all', { allow: '1/s', by: 'route' }),
    ])
    const report = { allowed: true, store: 'memory' }
    assert.deepEqual((await stage()).evidence.limits, [
      { limit: 'per-user', ...report, quota: 5, period: 60, remaining: 4, reset: 60, reported: true },
      { limit: 'all', ...report, quota: 1, period: 1, remaining: 0, reset: 1, reported: false },
    ])
    assert.deepEqual((await stage()).evidence.limits, [
      { limit: 'per-user', ...report, quota: 5, period: 60, remaining: 4, reset: 60, reported: true },
      { limit: 'all', ...report, allowed: false, quota: 1, period: 1, remaining: 0, reset: 1, reported: false },
    ])
  })

  test('counts a refused request under no limit', async () => {
    const limits = limiting(clock)
    const both = limits.stage([limit('per-user'), limit('all', { allow: '2/min', by: 'route' })])
    assert.deepEqual(await ask(both, 9), ['pass', 'pass', ...Array<string>(7).fill('rate_limited')])
    assert.deepEqual(await ask(limits.stage([limit('per-user')]), 4), ['pass', 'pass', 'pass', 'rate_limited'])
  })

  test('shares a named limit among routes, and keeps its counts when the file is read again', async () => {
    const limits = limiting()
    assert.deepEqual(await ask(limits.stage([limit('per-user')]), 3), Array(3).fill('pass'))
    const again = limits.stage([limit('per-user', { report: true, on_store_down: 'deny' })])
    assert.deepEqual(await ask(again, 3), ['pass', 'pass', 'rate_limited'])
    assert.equal(outcome(await limits.stage([limit('per-user', { allow: '6/min' })])()), 'pass')
  })

  test('only notes in shadow mode what it would have refused', async () => {
    const stage = limiting().stage([limit('per-user', { allow: '1/min' })], true)
    assert.equal((await stage()).evidence.shadow, undefined)
    const second = await stage()
    assert.equal(outcome(second), 'pass')
    assert.equal(second.evidence.shadow, 'rate_limited')
    assert.deepEqual(
      second.evidence.limits.map(({ allowed }) => allowed),
      [false],
    )
  })

  test('counts every spelling of an address, and all of a /64, as one client', async () => {
    const stage = limiting().stage([limit('per-client', { allow: '1/min', by: 'client' })])
    const from = async (client: string) => outcome(await stage(limitSubject({ client })))
    assert.equal(await from('1.2.3.4'), 'pass')
    assert.equal(await from('::ffff:1.2.3.4'), 'rate_limited')
    assert.equal(await from('::ffff:102:304'), 'rate_limited')
    assert.equal(await from('2001:db8::1'), 'pass')
    assert.equal(await from('2001:db8::ffff:1'), 'rate_limited')
    assert.equal(await from('2001:db8:0:1::1'), 'pass')
  })

  test('is as strict with requests that lack the key as with any other', async () => {
    const stage = limiting().stage([limit('per-device', { allow: '1/min', by: 'header:X-Device' })])
    assert.deepEqual(await ask(stage, 2), ['pass', 'rate_limited'])
  })

  test('holds bounded memory however many header values a client makes up', async () => {
    const limits = limiting({ most: 500 })
    const admit = limits.compile([limit('per-device', { by: 'header:X-Device' })])
    for (let index = 0; index < 20_000; index += 1) {
      void admit(limitSubject({ header: () => `device-${index}` }), newEvidence('r', 't'))
    }
    assert.equal((await limits.metrics.limitKeys.get()).values[0]?.value, 500)
  })

  test('counts its decisions for the metrics', async () => {
    const { stage, metrics } = limiting()
    await ask(stage([limit('per-user', { allow: '2/min' })]), 5)
    for (const reading of [1, 2]) {
      const text = await metrics.registry.metrics()
      assert.match(
        text,
        /limit_decisions_total\{limit="per-user",decision="allow",store="memory"\} 2\n/,
        String(reading),
      )
      assert.match(text, /limit_decisions_total\{limit="per-user",decision="refuse",store="memory"\} 3\n/)
      assert.match(text, /limit_keys 1\n/)
    }
  })
})

suite('admitLimits in Redis', { skip: noRedis }, () => {
  let server: TestRedis
  let redis: RedisStore
  before(async () => {
    server = await startRedis()
    redis = connectRedis(server.url, { metrics: createMetrics(), log: silent })
    await eventually('connected', () => redis.ready())
  })
  after(async () => {
    redis.close()
    await server.stop()
  })

  test('shares its counts with other gateways', async () => {
    const [one, other] = [limiting({ redis }), limiting({ redis })].map(({ stage }) => stage([limit('shared')]))
    assert.ok(one !== undefined && other !== undefined)
    assert.deepEqual(await ask(one, 3), Array(3).fill('pass'))
    assert.deepEqual(await ask(other, 3), ['pass', 'pass', 'rate_limited'])
    assert.equal((await one()).evidence.limits[0]?.store, 'redis')
  })

  test('keeps limits to itself that say `shared: false`', async () => {
    const local = limit('local', { shared: false })
    assert.equal((await limiting({ redis }).stage([local])()).evidence.limits[0]?.store, 'memory')
    assert.deepEqual(await ask(limiting({ redis }).stage([local]), 6), [
      ...Array<string>(5).fill('pass'),
      'rate_limited',
    ])
  })

  test('counts a refused request under no limit, neither in Redis nor in memory', async () => {
    const limits = limiting({ redis })
    const [roomy, local] = [limit('roomy'), limit('roomy-local', { shared: false })]
    const narrow = limit('narrow', { allow: '2/min', by: 'route' })
    const refused = await ask(limits.stage([roomy, local, narrow]), 9)
    assert.deepEqual(refused, ['pass', 'pass', ...Array<string>(7).fill('rate_limited')])
    assert.deepEqual(await ask(limits.stage([roomy]), 4), ['pass', 'pass', 'pass', 'rate_limited'])
    assert.deepEqual(await ask(limits.stage([local]), 4), ['pass', 'pass', 'pass', 'rate_limited'])
  })

  test('does not ask Redis when a limit in memory has refused', async () => {
    const limits = limiting({ redis })
    const local = limit('first', { allow: '1/min', shared: false })
    const stage = limits.stage([limit('second'), local])
    await ask(stage, 4)
    assert.equal((await limits.stage([limit('second')])()).evidence.limits[0]?.remaining, 3)
  })

  test('writes keys that carry no header value and end by themselves', async () => {
    const secret = 'hunter2-'.repeat(20)
    await limiting({ redis }).stage([limit('by-header', { by: 'header:X-Key' })])(
      limitSubject({ header: () => secret }),
    )
    const keys = await server.client.keys('heimdall:limit:by-header:*')
    assert.equal(keys.length, 1)
    assert.ok(keys.every((key) => !key.includes('hunter2')))
    const ttl = await server.client.pttl(keys[0] ?? '')
    assert.ok(ttl > 0 && ttl <= 120_000)
  })

  test('goes on after the scripts were flushed', async () => {
    const stage = limiting({ redis }).stage([limit('flushed')])
    await stage()
    await server.client.script('FLUSH')
    assert.equal((await stage()).evidence.limits[0]?.store, 'redis')
  })
})
