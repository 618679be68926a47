/**
 * Ways round a limit (C6), and a limit whose store fails (C7).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { request } from 'undici'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf, type AskHeaders } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { claimsNow, startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { newSigner, segment, token } from '../support/tokens.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const QUOTA = 3
const TRIES = 12

/** Headers in which somebody somewhere believes to find a client's address. */
const addressHeaders = [
  'X-Forwarded-For',
  'Forwarded',
  'X-Real-IP',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'Fastly-Client-IP',
  'X-Originating-IP',
  'X-Remote-Addr',
  'X_Forwarded_For',
]

suite('C6: ways round a limit', () => {
  const keep = keeper()
  let issuer: TestIssuer
  let upstream: Upstream
  let gateway: TestGateway
  let behindProxy: TestGateway
  let serial = 0

  const file = (proxies: string) => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
trusted_proxies: [${proxies}]
bad_credentials: 10/h
upstreams: { service: "${upstream.url}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}" } }
limits:
  per-subject: { allow: ${QUOTA}/h, by: subject }
  per-pair: { allow: ${QUOTA}/h, by: [client, route] }
defaults: { upstream: service, authenticate: [acme] }
routes:
  - { path: /client, public: true, limits: [{ allow: ${QUOTA}/h, by: client }] }
${addressHeaders.map((name) => `  - { path: /${name}, public: true, limits: [{ allow: ${QUOTA}/h, by: client }] }`).join('\n')}
  - { path: /login, public: true, limits: [per-pair] }
  - { path: "/users/{name}", public: true, limits: [per-pair] }
  - { path: /mine, limits: [per-subject] }
  - { path: /open }
`

  before(async () => {
    issuer = keep(await startIssuer())
    upstream = keep(await startUpstream(fixed(200, 'service')))
    gateway = keep(await serve(file('')))
    behindProxy = keep(await serve(file('127.0.0.1')))
    const ready = async () => (await request(`${gateway.probes}/readyz`)).statusCode === 200
    await eventually('the keys are there', ready)
  })

  /** Sends all and returns how many came through to the service. */
  const through = async (tries: readonly (readonly [line: string, headers: AskHeaders])[], at = gateway) => {
    const before = upstream.requests.length
    const outcomes: string[] = []
    for (const [line, headers] of tries) outcomes.push(outcomeOf(await ask(at, line, headers)))
    const passed = upstream.requests.length - before
    assert.equal(outcomes.filter((outcome) => outcome === '200').length, passed)
    return { passed, outcomes: new Set(outcomes) }
  }
  const tries = (make: (turn: number) => readonly [line: string, headers: AskHeaders]) =>
    Array.from({ length: TRIES }, (_, turn) => make(turn))
  const bearer = (text: string) => ({ Authorization: `Bearer ${text}` })

  for (const name of addressHeaders)
    test(`C6: a new address in ${name} each time is no new client`, async () => {
      const value = (turn: number) => (name === 'Forwarded' ? `for=192.0.2.${turn}` : `192.0.2.${turn}`)
      const { passed, outcomes } = await through(tries((turn) => [`GET /${name}`, { [name]: value(turn) }]))
      assert.equal(passed, QUOTA)
      assert.deepEqual(outcomes, new Set(['200', '429 rate_limited']))
    })

  test('C6: what a client writes before the address that a trusted proxy adds is no new client', async () => {
    const ways: readonly ((turn: number) => AskHeaders)[] = [
      (turn) => ({ 'X-Forwarded-For': `192.0.2.${turn}, 203.0.113.7` }),
      (turn) => ({ 'X-Forwarded-For': `192.0.2.${turn}, 127.0.0.1, 203.0.113.7` }),
      (turn) => [
        ['X-Forwarded-For', `192.0.2.${turn}`],
        ['X-Forwarded-For', '203.0.113.7'],
      ],
      () => ({ 'X-Forwarded-For': '203.0.113.7, 127.0.0.1' }),
      () => ({ 'X-Forwarded-For': '::ffff:203.0.113.7' }),
      (turn) => ({ 'X-Forwarded-For': `203.0.113.7:${1000 + turn}` }),
      (turn) => ({ 'X-Forwarded-For': '203.0.113.7', 'X-Real-IP': `192.0.2.${turn}` }),
    ]
    const { passed } = await through(
      tries((turn) => ['GET /client', ways[turn % ways.length]?.(turn) ?? {}]),
      behindProxy,
    )
    assert.equal(passed, QUOTA)
  })

  test('C6: another spelling of the path is no other route', async () => {
    const targets = ['/login', '/login/', '/LOGIN', '//login', '/login?x', '/login?y=1', '/%6cogin', '/%6Cogin']
    const more = ['/./login', '/x/../login', '/login/.', '/login;x', '/login%2f', '/login%00', '/login#x', '/login%20']
    const spelled = [...targets, ...more].map((target) => [`GET ${target}`, {}] as const)
    const { passed } = await through([...spelled, ...spelled])
    assert.equal(passed, QUOTA)
  })

  test('C6: another value of a parameter, or another method, is no other route', async () => {
    const methods = ['GET', 'POST', 'PUT', 'DELETE']
    const { passed } = await through(tries((turn) => [`${methods[turn % methods.length]} /users/u${turn}`, {}]))
    assert.equal(passed, QUOTA)
  })

  test('C6: a new token of the same subject is no new subject', async () => {
    const { passed, outcomes } = await through(
      tries((turn) => ['GET /mine', issuer.as('alice', { jti: String(turn) })]),
    )
    assert.equal(passed, QUOTA)
    assert.deepEqual(outcomes, new Set(['200', '429 rate_limited']))
  })

  test('C6: a new forged Authorization each time is heard no longer than bad_credentials says', async () => {
    const stranger = newSigner('ES256', issuer.signer.kid)
    const claims = () => ({ ...claimsNow(issuer.name, 'alice'), jti: String((serial += 1)) })
    const good = issuer.token('alice').split('.')
    const ways: readonly (() => string)[] = [
      () => token(stranger, claims()),
      () => `${good[0]}.${segment(claims())}.${good[2]}`,
      () => `${good[0]}.${good[1]}.${Buffer.from(String(serial).padStart(64, '0')).toString('base64url')}`,
    ]
    const forged = Array.from({ length: 30 }, (_, turn) => ['GET /open', bearer(ways[turn % 3]?.() ?? '')] as const)
    const { passed, outcomes } = await through(forged)
    assert.equal(passed, 0)
    assert.deepEqual(outcomes, new Set(['401 invalid_token', '429 too_many_failures']))
    const held = await through(
      tries((turn) => ['GET /open', { ...bearer(ways[0]?.() ?? ''), 'X-Forwarded-For': `192.0.2.${turn}` }]),
    )
    assert.deepEqual(held.outcomes, new Set(['429 too_many_failures']), 'nor does an address help')
  })
})

suite('C7: a limit whose store fails', { skip: noRedis }, () => {
  const keep = keeper()
  let redis: TestRedis
  let upstream: Upstream
  let gateways: readonly TestGateway[] = []

  const file = () => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
stores: { redis: "${redis.url}" }
upstreams: { service: "${upstream.url}" }
limits:
  strict: { allow: 4/h, by: route, on_store_down: deny }
  local: { allow: 4/h, by: route, on_store_down: local }
  lax: { allow: 4/h, by: route, on_store_down: allow }
defaults: { upstream: service }
routes:
  - { path: /strict, public: true, limits: [strict] }
  - { path: /local, public: true, limits: [local] }
  - { path: /lax, public: true, limits: [lax] }
`

  before(async () => {
    redis = keep(await startRedis())
    upstream = keep(await startUpstream(fixed(200, 'service')))
    gateways = [keep(await serve(file())), keep(await serve(file()))]
  })

  /** What both gateways answer to so many requests each, in turn. */
  const outcomes = async (path: string, each: number) => {
    const counts: Record<string, number> = {}
    for (let turn = 0; turn < each; turn += 1)
      for (const gateway of gateways) {
        const answer = await ask(gateway, `GET ${path}`)
        if (answer.status === 503) assert.equal(answer.header('retry-after'), '2')
        const outcome = outcomeOf(answer)
        counts[outcome] = (counts[outcome] ?? 0) + 1
      }
    return counts
  }

  /** Ways in which Redis is there and fails, and their ends. */
  const faults: Readonly<Record<string, readonly [begin: () => Promise<unknown>, end: () => Promise<unknown>]>> = {
    'is out of memory': [
      () => redis.client.config('SET', 'maxmemory', '1'),
      () => redis.client.config('SET', 'maxmemory', '0'),
    ],
    'has become a replica': [() => redis.client.replicaof('127.0.0.1', 1), () => redis.client.replicaof('NO', 'ONE')],
    'is gone': [() => redis.crash(), () => redis.restart()],
  }

  const usable = async () => {
    await redis.client.flushall()
    const counts = await Promise.all(gateways.map(async (gateway) => outcomeOf(await ask(gateway, 'GET /strict'))))
    await redis.client.flushall()
    return counts.every((outcome) => outcome === '200')
  }

  for (const [how, [begin, end]] of Object.entries(faults))
    test(`C7: that ${how} is a 503, never a 429, and each limit does what its file says`, async () => {
      await eventually('Redis is used', usable)
      await begin()
      assert.deepEqual(await outcomes('/strict', 6), { '503 limits_unavailable': 12 })
      assert.deepEqual(await outcomes('/lax', 6), { '200': 12 })
      const { '200': passed = 0, ...rest } = await outcomes('/local', 6)
      assert.ok(passed <= 8, 'each gateway counts for itself')
      assert.deepEqual(Object.keys(rest), ['429 rate_limited'])
      await end()
      await eventually('Redis is used again', usable)
    })

  test('C7: that is well counts both gateways together', async () => {
    await eventually('Redis is used', usable)
    assert.deepEqual(await outcomes('/strict', 6), { '200': 4, '429 rate_limited': 8 })
  })
})
