import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { hash } from 'node:crypto'
import { after, suite, test } from 'node:test'

import { createKeySets } from '#authn/key-sets.ts'
import type { Lookups } from '#authn/lookups.ts'
import { loadConfig } from '#config/load.ts'
import { answerHeaders } from '#gate/answer-headers.ts'
import { createBadCredentials } from '#gate/bad-credentials.ts'
import { compileGate, type Gate } from '#gate/compile.ts'
import { decide } from '#gate/decide.ts'
import type { Answered, Decision, Permitted, Refused } from '#gate/flight.ts'
import { unhindered } from '#request/asker.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import { stages } from '#request/evidence.ts'
import type { RawRequest } from '#request/incoming.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

const KEY = 'a-key-of-the-file'
const SESSION = `hs_${'A'.repeat(43)}`

const file = `
version: 1
trusted_proxies: [192.0.2.1]
stores: { postgres: "postgres://127.0.0.1:1/none" }
upstreams: { app: http://127.0.0.1:1 }
roles: { reader: ["orders:read"] }
authenticators:
  keys:
    api_key:
      keys:
        - { id: k1, digest: "sha256:${hash('sha256', KEY)}", subject: alice, roles: [reader] }
  login: { session: {} }
limits:
  few: { allow: 2/h, by: subject, report: true }
  strangers: { allow: 1/h, by: client }
defaults: { upstream: app, authenticate: [keys, login] }
routes:
  - { name: open, path: /open/**, public: true }
  - { name: read, path: /orders/**, methods: [GET, POST], require: { permissions: ["orders:read"] } }
  - { name: write, path: /orders/**, methods: [PUT], require: { permissions: ["orders:write"] } }
  - { name: shadowed, path: /shadow, mode: shadow, require: { roles: [nobody] }, limits: [{ allow: 1/h, by: client }] }
  - { name: inside, path: /inside, public: true, allow_clients: [10.0.0.0/8], deny_clients: [10.1.0.0/16] }
  - { name: few, path: /few, limits: [few] }
  - { name: doorstep, path: /doorstep, public: true, limits: [strangers] }
  - { name: stripped, path: /api/**, public: true, strip_prefix: /api }
  - { name: pages, path: /pages, methods: [GET, PUT], cors: { origins: ["https://app.test"], credentials: true } }
`

const lookups: Lookups = {
  session: () => ({
    kind: 'found',
    value: {
      id: 's1',
      subject: 'alice',
      expires_at: 4e12,
      revoked: false,
      active: true,
      email: null,
      name: null,
      tenant: null,
    },
    layer: 'l1',
    age: 0,
    stale: false,
  }),
  apiKey: () => ({ kind: 'unavailable' }),
  grants: () => ({
    kind: 'found',
    value: { roles: [], permissions: ['orders:read'], active: true },
    layer: 'l1',
    age: 0,
    stale: false,
  }),
}

const metrics = createMetrics()
const keySets = createKeySets({ metrics, log: silent })
after(() => keySets.close())

function gate(directory: Lookups = lookups): Gate {
  const loaded = loadConfig('/h.yaml', { env: {}, readFile: () => file, listFolder: () => [] })
  assert.ok('config' in loaded, 'problems' in loaded ? JSON.stringify(loaded.problems, null, 2) : '')
  return compileGate(loaded.config, {
    authn: { clock: () => 1_800_000_000_000, keySets, lookups: directory, metrics, log: silent },
    limits: createLimiters({ metrics }),
    badCredentials: createBadCredentials({ metrics, log: silent }),
  })
}

function request(method: string, url: string, headers: Readonly<Record<string, string>> = {}, peer = '203.0.113.9') {
  const all = { Host: 'api.test', ...headers }
  return {
    method,
    url,
    version: '1.1',
    headers: Object.entries(all).flat(),
    peer,
    encrypted: false,
  } satisfies RawRequest
}

/** Decides without waiting: a promise where none is due fails the test. */
function now(rules: Gate, raw: RawRequest): Decision {
  const decision = decide(rules, raw)
  assert.ok(!(decision instanceof Promise), 'decided at once')
  return decision
}

const permitted = (decision: Decision): Permitted => {
  if (decision.kind === 'permit') return decision
  throw new assert.AssertionError({ message: decision.kind === 'refuse' ? decision.deny.note : 'answered' })
}
const refused = (decision: Decision, code: string): Refused => {
  assert.ok(decision.kind === 'refuse', 'refused')
  assert.equal(decision.deny.code, code)
  return decision
}

suite('decide', () => {
  test('decides at once when no store has to be asked', () => {
    const { evidence, permit, fields } = permitted(now(gate(), request('GET', '/orders/1', { 'X-API-Key': KEY })))
    assert.equal(permit.principal?.subject, 'alice')
    assert.equal(evidence.route, 'read')
    assert.equal(evidence.cache, 'file')
    assert.equal(fields[fields.indexOf('X-Heimdall-Permissions') + 1], 'orders:read')
    assert.equal(fields.includes(KEY), false)
  })

  test('notes how long every stage took that ran, and none that did not or that the route has not', () => {
    const ran = ({ evidence: { timings } }: Decision) => stages.filter((_, index) => (timings[index] ?? NaN) >= 0)
    const key = { 'X-API-Key': KEY }
    const done = now(gate(), request('GET', '/orders/1', key))
    assert.equal(done.evidence.timings.length, stages.length)
    assert.deepEqual(ran(done), ['match', 'authenticate', 'authorize', 'identify'])
    assert.deepEqual(ran(refused(now(gate(), request('GET', '/orders/1')), 'no_credentials')), [
      'match',
      'authenticate',
    ])
    const limited = ['match', 'authenticate', 'authorize', 'limits_after', 'identify']
    assert.deepEqual(ran(now(gate(), request('GET', '/few', key))), limited)
    assert.deepEqual(ran(now(gate(), request('GET', '/open/1'))), ['match', 'authorize', 'identify'])
    const strangers = ['match', 'limits_before', 'authorize', 'identify']
    assert.deepEqual(ran(now(gate(), request('GET', '/doorstep'))), strangers)
    assert.deepEqual(ran(refused(now(gate(), request('GET', '/inside')), 'client_denied')), ['match', 'client'])
  })

  test('makes no promise for all that memory can decide', () => {
    const rules = gate()
    const promised: unknown[] = []
    const hook = createHook({ init: (_id, type) => type === 'PROMISE' && promised.push(type) }).enable()
    for (const raw of [
      request('GET', '/open/1'),
      request('GET', '/orders/1', { 'X-API-Key': KEY }),
      request('GET', '/orders/1', { Cookie: `heimdall_session=${SESSION}` }),
      request('GET', '/few', { 'X-API-Key': KEY }),
      request('GET', '/orders/1'),
      request('GET', '/nowhere'),
      request('GET', '//'),
    ])
      void decide(rules, raw)
    hook.disable()
    assert.deepEqual(promised, [])
  })

  test('never falls back to a less specific path or to another method of it', () => {
    assert.equal(
      refused(now(gate(), request('DELETE', '/orders/1')), 'method_not_allowed').deny.headers?.['Allow'],
      'GET, HEAD, POST, PUT',
    )
    refused(now(gate(), request('PUT', '/orders/1', { 'X-API-Key': KEY })), 'permission_denied')
    refused(now(gate(), request('GET', '/elsewhere')), 'route_unknown')
  })

  test('names a request that was not admitted anew, whatever it calls itself', () => {
    const raw = request('GET', '/open/../orders', { 'X-Request-Id': 'chosen-by-client' }, '192.0.2.1')
    const { evidence, request: admitted } = refused(now(gate(), raw), 'target_invalid')
    assert.equal(admitted, undefined)
    assert.notEqual(evidence.request_id, 'chosen-by-client')
  })

  test('believes the client address of trusted proxies only', () => {
    const told = { 'X-Forwarded-For': '10.2.3.4' }
    assert.equal(permitted(now(gate(), request('GET', '/inside', told, '192.0.2.1'))).evidence.client, '10.2.3.4')
    refused(now(gate(), request('GET', '/inside', told)), 'client_denied')
    refused(now(gate(), request('GET', '/inside', {}, '10.1.0.1')), 'client_denied')
  })

  test('names the client also of requests that meet no route, no method or only the gateway', () => {
    const via = { 'X-Forwarded-For': '198.51.100.7' }
    for (const raw of [request('GET', '/nowhere', via, '192.0.2.1'), request('PATCH', '/orders/1', via, '192.0.2.1')])
      assert.equal(now(gate(), raw).evidence.client, '198.51.100.7')
    assert.equal(now(gate(), request('OPTIONS', '*')).evidence.client, '203.0.113.9')
  })

  test('limits strangers before it looks at who they are, and people after', () => {
    const rules = gate()
    permitted(now(rules, request('GET', '/doorstep')))
    const { evidence } = refused(now(rules, request('GET', '/doorstep')), 'rate_limited')
    assert.ok(Number.isNaN(evidence.timings[stages.indexOf('authenticate')]))

    const alice = request('GET', '/few', { 'X-API-Key': KEY })
    const first = permitted(now(rules, alice))
    assert.match(answerHeaders(first.route, first.request, first.evidence)['RateLimit'] ?? '', /"few";r=1/)
    permitted(now(rules, alice))
    refused(now(rules, alice), 'rate_limited')
    refused(now(rules, request('GET', '/few')), 'no_credentials')
  })

  test('records what a route in shadow mode would have refused, and lets it pass', () => {
    const rules = gate()
    const raw = request('GET', '/shadow', { 'X-API-Key': KEY })
    assert.equal(permitted(now(rules, raw)).evidence.shadow, 'permission_denied')
    assert.equal(permitted(now(rules, raw)).evidence.shadow, 'rate_limited')
    refused(now(rules, request('GET', '/shadow')), 'no_credentials')
  })

  test('forwards the rewritten target and refuses what rewriting turns into another path', () => {
    assert.equal(permitted(now(gate(), request('GET', '/api/v1/x?y=1'))).target.origin, '/v1/x?y=1')
    refused(now(gate(), request('GET', '/api//x')), 'target_invalid')
    assert.equal(permitted(now(gate(), request('GET', '/api'))).target.origin, '/')
  })

  test('refuses what another site sends with the session cookie', () => {
    const cookie = { Cookie: `heimdall_session=${SESSION}` }
    permitted(now(gate(), request('GET', '/orders/1', cookie)))
    refused(now(gate(), request('POST', '/orders/1', { ...cookie, Origin: 'https://evil.test' })), 'origin_denied')
    permitted(now(gate(), request('POST', '/orders/1', { ...cookie, Origin: 'http://api.test' })))
    permitted(now(gate(), request('PUT', '/pages', { ...cookie, Origin: 'https://app.test' })))
  })

  test('answers preflights of listed origins without credentials', () => {
    const ask = (origin: string, method = 'PUT') =>
      now(gate(), request('OPTIONS', '/pages', { Origin: origin, 'Access-Control-Request-Method': method }))
    const answer = ask('https://app.test') as Answered
    assert.equal(answer.kind, 'answer')
    assert.equal(answer.headers['Access-Control-Allow-Origin'], 'https://app.test')
    refused(ask('https://evil.test'), 'origin_denied')
    refused(ask('https://app.test', 'DELETE'), 'method_not_allowed')
  })

  test('answers OPTIONS * by itself', () => {
    assert.equal(now(gate(), request('OPTIONS', '*')).kind, 'answer')
    refused(now(gate(), request('GET', '*')), 'target_invalid')
  })

  test('asks for another credential as the scheme of the route says', () => {
    const { route } = refused(now(gate(), request('GET', '/orders/1')), 'no_credentials')
    assert.equal(route?.challenge('no_credentials'), 'Bearer realm="heimdall"')
  })

  test('adds CORS headers to refusals too', () => {
    const decision = refused(now(gate(), request('GET', '/pages', { Origin: 'https://app.test' })), 'no_credentials')
    const headers = answerHeaders(decision.route, decision.request, decision.evidence)
    assert.equal(headers['Access-Control-Allow-Origin'], 'https://app.test')
    assert.deepEqual(answerHeaders(undefined, undefined, decision.evidence), {})
  })

  test('waits for a store only when it must', async () => {
    const rules = gate()
    const slow = Promise.resolve(lookups.session('', 'deny', unhindered))
    const waiting = gate({ ...lookups, session: () => slow })
    const decision = decide(waiting, request('GET', '/orders/1', { Cookie: `heimdall_session=${SESSION}` }))
    assert.ok(decision instanceof Promise)
    assert.equal(permitted(await decision).evidence.route, 'read')
    const away = gate({ ...lookups, session: () => Promise.resolve({ kind: 'unavailable' }) })
    refused(
      await decide(away, request('GET', '/orders/1', { Cookie: `heimdall_session=${SESSION}` })),
      'store_unavailable',
    )
    assert.equal(now(rules, request('GET', '/open/x')).kind, 'permit')
  })
})
