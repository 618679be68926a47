/**
 * Rate limits: counted in one process, or in Redis for several.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { request } from 'undici'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import type { RawResponse } from '../support/raw-client.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { sample } from '../support/samples.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const LIMITED = '429 rate_limited'
const from = (address: string) => ({ 'X-Forwarded-For': address })

suite('limits of one gateway', () => {
  const keep = keeper()
  let issuer: TestIssuer
  let upstream: Upstream
  let gateway: TestGateway

  before(async () => {
    issuer = keep(await startIssuer())
    upstream = keep(await startUpstream(fixed(200, 'service')))
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
trusted_proxies: [127.0.0.1]
upstreams: { service: "${upstream.url}" }
authenticators:
  id: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } }
limits:
  per-client: { allow: 3/h, by: client }
  per-user: { allow: 2/h, by: subject }
  all-of-it: { allow: 3/h, by: subject }
defaults: { upstream: service, authenticate: [id] }
routes:
  - { path: /client, public: true, limits: [per-client] }
  - { path: /client-too, public: true, limits: [per-client] }
  - { path: /wide, public: true, limits: [{ allow: 1/h, by: client, client_prefix: { ipv6: 48, ipv4: 24 } }] }
  - { path: /subject, limits: [per-user] }
  - { path: /tenant, limits: [{ allow: 2/h, by: tenant }] }
  - { path: /header, public: true, limits: [{ allow: 2/h, by: "header:X-Team" }] }
  - { path: "/pair/{id}", limits: [{ allow: 1/h, by: [subject, route] }] }
  - { path: /pair, limits: [{ allow: 1/h, by: [subject, route] }] }
  - { path: /route, public: true, limits: [{ allow: 2/h, by: route }] }
  - { path: /guessing, limits: [{ allow: 2/h, by: client }] }
  - { path: /narrow, limits: [all-of-it, { allow: 1/h, by: [subject, route] }] }
  - { path: /broad, limits: [all-of-it] }
  - { path: /told, public: true, limits: [{ allow: 5/10s, by: client, report: true }] }
  - { path: /slides, public: true, limits: [{ allow: 4/2s, by: client }] }
  - { path: /shadow, public: true, mode: shadow, limits: [{ allow: 1/h, by: client }] }
`),
    )
  })

  const times = async (count: number, line: string, headers: Record<string, string> = {}) => {
    const answers: string[] = []
    for (let turn = 0; turn < count; turn += 1) answers.push(outcomeOf(await ask(gateway, line, headers)))
    return answers
  }
  const repeated = (answer: string, count: number) => Array<string>(count).fill(answer)

  test('counts by client, over all routes that name the limit, and clients apart', async () => {
    assert.deepEqual(await times(2, 'GET /client', from('192.0.2.1')), repeated('200', 2))
    assert.deepEqual(await times(2, 'GET /client-too', from('192.0.2.1')), ['200', LIMITED])
    assert.deepEqual(await times(1, 'GET /client', from('192.0.2.1')), [LIMITED])
    assert.deepEqual(await times(1, 'GET /client', from('192.0.2.2')), ['200'])
  })

  test('one IPv6 /64 is one client, and the prefix may be chosen', async () => {
    const addresses = ['2001:db8::1', '2001:DB8:0:0:ffff::2', '2001:db8::3', '2001:db8::4']
    const answers = await Promise.all(addresses.map((one) => ask(gateway, 'GET /client', from(one))))
    assert.deepEqual(answers.map(outcomeOf).sort(), ['200', '200', '200', LIMITED])
    assert.deepEqual(await times(1, 'GET /client', from('2001:db8:0:1::1')), ['200'])
    assert.deepEqual(await times(1, 'GET /wide', from('2001:db8:1:1::1')), ['200'])
    assert.deepEqual(await times(1, 'GET /wide', from('2001:db8:1:2::1')), [LIMITED])
    assert.deepEqual(await times(1, 'GET /wide', from('2001:db8:2::1')), ['200'])
    assert.deepEqual(await times(1, 'GET /wide', from('198.51.100.7')), ['200'])
    assert.deepEqual(await times(1, 'GET /wide', from('198.51.100.8')), [LIMITED])
  })

  test('counts by subject, and two issuers or two tokens do not matter to it', async () => {
    const answers = []
    for (const jti of ['1', '2', '3'])
      answers.push(outcomeOf(await ask(gateway, 'GET /subject', issuer.as('alice', { jti }))))
    assert.deepEqual(answers, ['200', '200', LIMITED])
    assert.deepEqual(await times(1, 'GET /subject', issuer.as('bob')), ['200'])
  })

  test('counts by tenant', async () => {
    assert.deepEqual(await times(1, 'GET /tenant', issuer.as('a', { tenant: 'acme' })), ['200'])
    assert.deepEqual(await times(2, 'GET /tenant', issuer.as('b', { tenant: 'acme' })), ['200', LIMITED])
    assert.deepEqual(await times(1, 'GET /tenant', issuer.as('c', { tenant: 'other' })), ['200'])
  })

  test('counts by a header, whatever the case of its name', async () => {
    assert.deepEqual(await times(2, 'GET /header', { 'X-Team': 'red' }), ['200', '200'])
    assert.deepEqual(await times(1, 'GET /header', { 'x-team': 'red' }), [LIMITED])
    assert.deepEqual(await times(1, 'GET /header', { 'X-Team': 'blue' }), ['200'])
  })

  test('a pair of keys is one bucket per pair, and the route is its name, not its spelling', async () => {
    const alice = issuer.as('alice')
    assert.deepEqual(await times(1, 'GET /pair/1', alice), ['200'])
    assert.deepEqual(await times(1, 'GET /pair/2', alice), [LIMITED])
    assert.deepEqual(await times(1, 'GET /%70air/3?x=1', alice), [LIMITED])
    assert.deepEqual(await times(1, 'GET /pair', alice), ['200'])
    assert.deepEqual(await times(1, 'GET /pair/1', issuer.as('bob')), ['200'])
  })

  test('counts by route for all together', async () => {
    assert.deepEqual(await times(3, 'GET /route', from('203.0.113.1')), ['200', '200', LIMITED])
    assert.deepEqual(await times(1, 'GET /route', from('203.0.113.2')), [LIMITED])
  })

  test('limits by client come before identity: they also slow down those who guess', async () => {
    const guess = { ...from('203.0.113.9'), Authorization: 'Bearer guess' }
    assert.deepEqual(await times(3, 'GET /guessing', guess), ['401 invalid_token', '401 invalid_token', LIMITED])
  })

  test('a request that one limit refuses consumes nothing of the others', async () => {
    const alice = issuer.as('alice')
    assert.deepEqual(await times(5, 'GET /narrow', alice), ['200', ...repeated(LIMITED, 4)])
    assert.deepEqual(await times(3, 'GET /broad', alice), ['200', '200', LIMITED])
  })

  const fields = (response: RawResponse) =>
    Object.fromEntries(['ratelimit', 'ratelimit-policy', 'retry-after'].map((name) => [name, response.header(name)]))

  test('tells a refused client when to come back, and every client where the limit says so', async () => {
    const first = fields(await ask(gateway, 'GET /told', from('203.0.113.30')))
    assert.equal(first['ratelimit-policy'], '"/told:0";q=5;w=10')
    assert.match(first['ratelimit'] ?? '', /^"\/told:0";r=4;t=10$/)
    assert.equal(first['retry-after'], undefined)
    const refused = await ask(gateway, 'GET /client', from('192.0.2.1'))
    const told = fields(refused)
    assert.equal(refused.status, 429)
    assert.equal(told['ratelimit-policy'], '"per-client";q=3;w=3600')
    assert.match(told['ratelimit'] ?? '', /^"per-client";r=0;t=3[56]\d\d$/)
    assert.match(told['retry-after'] ?? '', /^3[56]\d\d$/)
    const silent = fields(await ask(gateway, 'GET /client', from('192.0.2.200')))
    assert.deepEqual(Object.values(silent), [undefined, undefined, undefined])
  })

  test('the window slides: in no stretch of one period do more pass, and what ran out comes back by itself', async () => {
    const passed: { asked: number; answered: number }[] = [] // it was let through at some moment in between
    const end = performance.now() + 5000
    while (performance.now() < end) {
      const asked = performance.now()
      const response = await ask(gateway, 'GET /slides', from('203.0.113.40'))
      if (response.status === 200) passed.push({ asked, answered: performance.now() })
      await new Promise((resolve) => setTimeout(resolve, 40))
    }
    assert.ok(passed.length >= 8 && passed.length <= 12, `${passed.length} passed in 5 s`)
    for (const [index, { asked }] of passed.entries()) {
      const within = (passed[index + 4]?.answered ?? Infinity) - asked
      assert.ok(within > 1999, `five within ${within} ms`)
    }
  })

  test('shadow mode counts and lets pass', async () => {
    assert.deepEqual(await times(3, 'GET /shadow', from('203.0.113.50')), ['200', '200', '200'])
    const metrics = await gateway.metrics()
    assert.equal(sample(metrics, 'heimdall_shadow_denials_total', { outcome: 'rate_limited' }), 2)
  })

  test('metrics tell the decisions of every limit', async () => {
    const metrics = await gateway.metrics()
    const of = (decision: string) =>
      sample(metrics, 'heimdall_limit_decisions_total', { limit: 'per-user', decision, store: 'memory' })
    assert.deepEqual([of('allow'), of('refuse')], [3, 1])
  })
})

suite('limits shared through Redis', { skip: noRedis }, () => {
  const keep = keeper()
  let redis: TestRedis
  let gateways: readonly TestGateway[]

  before(async () => {
    redis = keep(await startRedis())
    const upstream = keep(await startUpstream(fixed(200, 'service')))
    const yaml = `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
trusted_proxies: [127.0.0.1]
stores: { redis: "${redis.url}" }
upstreams: { service: "${upstream.url}" }
defaults: { upstream: service }
routes:
  - { name: ten, path: /ten, public: true, limits: [{ allow: 10/h, by: client, on_store_down: deny }] }
  - { name: own, path: /own, public: true, limits: [{ allow: 2/h, by: client, shared: false }] }
  - { name: secret, path: /secret, public: true, limits: [{ allow: 2/h, by: "header:X-Team" }] }
`
    const started = await Promise.all([serve(yaml), serve(yaml)])
    gateways = started.map(keep)
    for (const { probes } of gateways)
      await eventually('redis is up', async () => {
        const { components } = (await (await request(`${probes}/readyz`)).body.json()) as {
          components: { redis: { status: string } }
        }
        return components.redis.status === 'up'
      })
  })

  const burst = async (count: number, path: string, headers: Record<string, string>) => {
    const answers = Array.from({ length: count }, (_, turn) =>
      ask(gateways[turn % gateways.length] ?? { port: 0 }, `GET ${path}`, headers),
    )
    return (await Promise.all(answers)).map(outcomeOf)
  }

  test('two gateways let no more pass than one, also in a burst at both', async () => {
    const answers = await burst(40, '/ten', from('192.0.2.1'))
    const count = (wanted: string) => answers.filter((one) => one === wanted).length
    const late = count('503 limits_unavailable') // on a busy machine Redis may miss its 50 ms, counted or not
    assert.ok(count('200') <= 10 && count('200') + late >= 10, answers.join())
    assert.equal(count('200') + count(LIMITED) + late, 40)
    for (const gateway of gateways)
      await eventually('used up', async () => outcomeOf(await ask(gateway, 'GET /ten', from('192.0.2.1'))) === LIMITED)
  })

  test('a limit that is not shared is counted by each gateway for itself', async () => {
    const answers = await burst(12, '/own', from('192.0.2.2'))
    assert.equal(answers.filter((one) => one === '200').length, 4)
  })

  test('keys are bounded and hold no header of a client in the clear', async () => {
    const long = 'very-secret-team-'.repeat(200)
    await burst(2, '/secret', { 'X-Team': long })
    const keys = await redis.client.keys('*')
    assert.ok(keys.length > 0)
    for (const key of keys) {
      assert.ok(key.length < 200, `${key.length} characters`)
      assert.ok(!key.includes('very-secret'))
      assert.ok((await redis.client.pttl(key)) > 0, 'lives for ever')
    }
  })

  test('the store that counted is told', async () => {
    const metrics = await gateways[0]?.metrics()
    assert.ok(sample(metrics ?? '', 'heimdall_limit_decisions_total', { limit: 'ten:0', store: 'redis' }) > 0)
    assert.ok(sample(metrics ?? '', 'heimdall_limit_decisions_total', { limit: 'own:0', store: 'memory' }) > 0)
  })
})
