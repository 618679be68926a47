/**
 * What an operator sees of traffic: metrics, the access line, traces. Probes and the admin page are with `probes.test.ts`.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { before, suite, test } from 'node:test'

import { upsertUser } from '#stores/writes.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { fixed, never, raw } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes, type AskHeaders } from '../support/ask.ts'
import { serve, type LogLine, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { startLoad, tally } from '../support/load.ts'
import { noPostgres, startPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { connectRaw, exchange, type RawResponse } from '../support/raw-client.ts'
import { sample } from '../support/samples.ts'
import { startService } from '../support/service.ts'
import { storeDirectory, type Handed } from '../support/stored-directory.ts'
import { startUpstream, type Answer, type Upstream } from '../support/upstream.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const webSocket = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': KEY,
}
const accepting = raw(
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
)
/** Answers with a secret of its own; `/slow` never, `/ws` with a tunnel. */
const service: Answer = (request, connection) => {
  if (request.target.startsWith('/slow')) return never(request, connection)
  if (request.target.startsWith('/ws')) return accepting(request, connection)
  return fixed(200, 'answer-SECRET', ['Set-Cookie: sid=set-cookie-SECRET'])(request, connection)
}

/** Whole lines of the log, as bytes that a terminal would get. */
function recordLog(gateway: TestGateway): () => string {
  let text = ''
  gateway.child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return () => text
}

suite('telemetry', { skip: noPostgres }, () => {
  const keep = keeper()
  let upstream: Upstream
  let issuer: TestIssuer
  let session: Handed
  let apiKey: Handed
  let gateway: TestGateway
  let file: string
  let log: () => string

  before(async () => {
    upstream = keep(await startUpstream(service))
    const fast = keep(await startService((_, response) => response.end()))
    issuer = keep(await startIssuer())
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
    issuer.keys.keys.push({ ...weak, kid: 'weak', alg: 'RS256', use: 'sig' })
    const postgres = keep(await startPostgres())
    const directory = keep(await storeDirectory(postgres.url))
    await upsertUser(directory.db, { id: 'alice' })
    session = await directory.session('alice')
    apiKey = await directory.apiKey({ subject: 'reports' })
    file = `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 1s
log: { level: debug }
stores:
  redis: "redis://:redis-SECRET@127.0.0.1:1"
  postgres: "${directory.url.replace('gateway@', 'gateway:postgres-SECRET@')}"
upstreams:
  service: "${upstream.url}"
  fast: "${fast.url}"
  pair: { targets: ["${fast.url}", "http://127.0.0.1:1"], balance: round_robin }
  dead: { targets: ["http://127.0.0.1:1"], breaker: { of_at_least: 2, window: 10s, open_for: 1m } }
authenticators:
  id: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } }
  login: { session: { cookie: shop_session } }
  keys: { api_key: { header: X-API-Key } }
limits:
  per-user: { allow: 1000000/min, by: subject }
  rarely: { allow: 1/min, by: client }
defaults: { upstream: service, authenticate: [id, login, keys] }
routes:
  - { name: open, path: /open, public: true }
  - { name: me, path: /me, limits: [per-user] }
  - { name: items, path: "/items/{id}", upstream: fast, limits: [per-user] }
  - { name: staff, path: /staff, require: { roles: [staff] } }
  - { name: tried, path: /tried, require: { roles: [staff] }, mode: shadow }
  - { name: rare, path: /rare, public: true, limits: [rarely] }
  - { name: slow, path: /slow, public: true }
  - { name: ws, path: /ws, public: true }
  - { name: pair, path: /pair, public: true, upstream: pair }
  - { name: dead, path: /dead, public: true, upstream: dead }
`
    gateway = keep(await serve(file))
    log = recordLog(gateway)
    await eventually('the keys are there', async () => (await to('GET /me', issuer.as('alice'))).status === 200)
  })

  const to = (line: string, headers: AskHeaders = {}, body = '') => ask(gateway, line, headers, body)
  const idOf = (response: RawResponse) => response.header('x-request-id')
  const requests = () => gateway.lines.filter((line) => line['msg'] === 'request')
  const lineOf = (id: unknown) => gateway.line((line) => line['msg'] === 'request' && line['request_id'] === id)

  /** Sends a request and lets go of it once the service has it. */
  const abandon = async (bytes: string) => {
    const seen = upstream.requests.length
    const client = await connectRaw(gateway.port)
    client.send(bytes)
    await upstream.arrived(seen + 1)
    client.destroy()
  }
  /** Opens a tunnel and lets go of it. */
  const tunnel = async (line: string, headers = {}) => {
    const client = await connectRaw(gateway.port)
    client.send(requestBytes(line, { ...webSocket, ...headers }))
    const answer = await client.response()
    client.destroy()
    return answer
  }

  test('every metric is there after mixed traffic', async () => {
    const cookie = { Cookie: `shop_session=${session.value}` }
    for (const [expected, line, headers] of [
      ['200', 'GET /me', cookie],
      ['200', 'GET /tried', issuer.as('alice')],
      ['403 permission_denied', 'GET /staff', issuer.as('alice')],
      ['200', 'GET /rare', {}],
      ['429 rate_limited', 'GET /rare', {}],
      ['200', 'GET /pair', {}],
      ['200', 'GET /pair', {}],
      ['200', 'GET /pair', {}],
      ['502 upstream_unreachable', 'GET /dead', {}],
      ['502 upstream_unreachable', 'GET /dead', {}],
      ['503 upstream_unavailable', 'GET /dead', {}],
    ] as const)
      assert.equal(outcomeOf(await to(line, headers)), expected, line)
    assert.equal((await tunnel('GET /ws')).status, 101)
    assert.equal((await exchange(gateway.port, 'GET / HTTP/1.1\r\nno header\r\n\r\n')).status, 400)
    assert.equal(sample(await gateway.metrics(), 'heimdall_breaker_state', { breaker: 'upstream dead' }), 2)
    gateway.rewrite(`${file}# again\n`)
    await gateway.line(({ msg }) => msg === 'configuration applied')

    const text = await gateway.metrics()
    const names = createMetrics().registry.getMetricsAsArray()
    const samples = new Set(text.split('\n').map((line) => line.split(/[{ ]/)[0]))
    const missing = names.filter(({ name }) => !samples.has(name) && !samples.has(`${name}_count`))
    assert.deepEqual(
      missing.map(({ name }) => name),
      [],
    )
    for (const [name, labels, least] of [
      ['heimdall_requests_total', { route: 'rare', outcome: 'rate_limited' }, 1],
      ['heimdall_shadow_denials_total', { route: 'tried', outcome: 'permission_denied' }, 1],
      ['heimdall_tunnels_closed_total', { reason: 'client' }, 1],
      ['heimdall_malformed_requests_total', { outcome: 'request_malformed' }, 1],
      ['heimdall_cache_reads_total', { cache: 'session' }, 1],
      ['heimdall_store_query_duration_seconds_count', { store: 'postgres' }, 1],
      ['heimdall_store_errors_total', { store: 'redis' }, 1],
      ['heimdall_breaker_changes_total', { breaker: 'upstream dead', state: 'open' }, 1],
      ['heimdall_limit_decisions_total', { limit: 'rarely', decision: 'refuse' }, 1],
      ['heimdall_limit_fallback', {}, 1],
      ['heimdall_upstream_retries_total', { upstream: 'pair' }, 1],
      ['heimdall_keyset_keys', { authenticator: 'id' }, 1],
      ['heimdall_keyset_keys_refused_total', { authenticator: 'id', reason: 'rsa_size' }, 1],
      ['heimdall_config_generation', {}, 2],
      ['heimdall_config_reloads_total', { outcome: 'applied' }, 1],
    ] as const)
      assert.ok(sample(text, name, labels) >= least, `${name} ${JSON.stringify(labels)}`)
  })

  test('10,000 paths, people, hosts and headers add no series', async () => {
    const flood = async (count: number, label: string) => {
      const next = (turn: number) => ({
        kind: turn % 2 === 0 ? 'known' : 'unknown',
        path: turn % 2 === 0 ? `/items/${label}-${turn}?q=${turn}` : `/nowhere/${label}-${turn}`,
        headers: {
          host: `${label}-${turn}.test`,
          'user-agent': `${label}-${turn}`,
          ...(turn % 2 === 0 && issuer.as(`${label}-${turn}`)),
        },
      })
      return tally(await startLoad(gateway.url, next, { connections: 20, count }).done)
    }
    const series = async () => {
      const text = await gateway.metrics()
      assert.doesNotMatch(text, /(?:warm|flood)-\d/)
      // Breakers take on their few states in their own time.
      const lines = text.split('\n').filter((line) => line !== '' && !/^(#|heimdall_breaker_)/.test(line))
      return lines.map((line) => line.slice(0, line.lastIndexOf(' ')))
    }
    await flood(100, 'warm')
    const before = await series()
    assert.deepEqual(await flood(10_000, 'flood'), { 'known 200': 5000, 'unknown 404 route_unknown': 5000 })
    assert.deepEqual(await series(), before)
  })

  test('a line tells a request whole, under the id that the answer and the service have', async () => {
    const response = await to('POST /me?q=1', issuer.as('alice'), 'body')
    const line = await lineOf(idOf(response))
    assert.equal(upstream.requests.at(-1)?.header('x-request-id'), idOf(response))
    const { time, trace, target, ...rest } = line
    assert.ok(Math.abs(Number(time) - Date.now()) < 60_000)
    assert.match(String(trace), /^[0-9a-f]{32}$/)
    assert.equal(target, upstream.url)
    const durations = Object.entries(rest).filter(([name]) => name.endsWith('_ms'))
    const stages = ['cache_age', 'match', 'authenticate', 'authorize', 'limits_after', 'identify']
    assert.deepEqual(
      durations.map(([name]) => name),
      [...stages, 'upstream', 'total'].map((name) => `${name}_ms`),
    )
    for (const [name, spent] of durations) assert.ok(typeof spent === 'number' && spent >= 0, name)
    assert.deepEqual(Object.fromEntries(Object.entries(rest).filter(([name]) => !name.endsWith('_ms'))), {
      level: 'info',
      request_id: idOf(response),
      route: 'me',
      method: 'POST',
      path: '/me',
      status: 200,
      outcome: 'pass',
      client: '127.0.0.1',
      authenticator: 'id',
      issuer: issuer.name,
      subject: 'alice',
      cache: 'source',
      bytes: 'answer-SECRET'.length,
      msg: 'request',
    })
  })

  test('every request has one line, also refused, abandoned and upgraded ones', async () => {
    await eventually('the lines so far', async () => {
      const metrics = await gateway.metrics()
      const counted = sample(metrics, 'heimdall_requests_total')
      return requests().length === counted + sample(metrics, 'heimdall_malformed_requests_total')
    })
    const before = requests().length
    const answers = [
      await to('GET /open'),
      await to('HEAD /open'),
      await to('OPTIONS *'),
      await to('GET /me'),
      await to('GET /me', { Authorization: 'Bearer x' }),
      await to('GET /staff', issuer.as('alice')),
      await to('GET /nowhere'),
      await to('GET /open/../me'),
      await to('GET /dead'),
      await tunnel('GET /ws'),
      await to('GET /me', webSocket),
    ]
    await abandon(requestBytes('GET /slow?abandoned'))
    await abandon(requestBytes('POST /slow', { 'Content-Length': '100' }, 'half'))
    await eventually('all of their lines', () => requests().length >= before + answers.length + 2)
    const lines = requests().slice(before)
    assert.equal(lines.length, answers.length + 2)
    for (const answer of answers) {
      const own = lines.filter(({ request_id }) => request_id === idOf(answer))
      assert.deepEqual(
        own.map(({ status }) => status),
        [answer.status],
      )
    }
    const abandoned = lines.filter(({ path }) => path === '/slow').map(({ status, outcome }) => [status, outcome])
    assert.deepEqual(abandoned, [
      [499, 'client_closed'],
      [499, 'client_closed'],
    ])
    for (const line of lines)
      for (const field of ['level', 'time', 'request_id', 'trace', 'method', 'path', 'status', 'outcome', 'client'])
        assert.notEqual(line[field], undefined, `${field} of ${JSON.stringify(line)}`)
  })

  test('what is no request at all has a line too, with the client and the reason', async () => {
    const before = requests().length
    const answer = await exchange(gateway.port, 'GET / HTTP/1.1\nHost: a\n\n')
    await eventually('its line', () => requests().length > before)
    const { request_id, status, outcome, client } = requests()[before] ?? {}
    assert.deepEqual({ status, outcome, client }, { status: 400, outcome: 'request_malformed', client: '127.0.0.1' })
    assert.ok(answer.body.includes(String(request_id)))
  })

  test('no line at any level holds a credential, a query, a cookie or a body', async () => {
    const good = issuer.token('alice')
    const [head = '', claims = '', signature = ''] = good.split('.')
    const bearer = (value: string) => ({ Authorization: `Bearer ${value}` })
    const sent: [string, AskHeaders?, string?][] = [
      ['GET /open?token=query-SECRET#fragment-SECRET'],
      ['GET /open?token=query-SECRET'],
      ['GET http://user:userinfo-SECRET@gateway.test/open'],
      ['GET /nowhere?query-SECRET'],
      ['POST /me', bearer(good), 'body-SECRET'],
      ['GET /me', bearer(`${head}.${claims}.${signature.replace(/^./, 'x')}`)],
      ['GET /me', bearer(issuer.token('alice', { exp: 1 }))],
      ['GET /me', bearer(issuer.token('alice', { aud: 'audience-SECRET' }))],
      ['GET /me', bearer('opaque-SECRET')],
      ['GET /me', bearer('opaque SECRET')],
      ['GET /me', { Authorization: 'Basic basic-SECRET' }],
      [
        'GET /me',
        [
          ['Authorization', 'Bearer one-SECRET'],
          ['Authorization', 'Bearer two-SECRET'],
        ],
      ],
      ['GET /me', { Cookie: `other=cookie-SECRET; shop_session=${session.value}` }],
      ['GET /me', { Cookie: `shop_session=hs_${'SECRET'.repeat(7)}x` }],
      ['GET /me', { 'X-API-Key': apiKey.value }],
      ['GET /me', { 'X-API-Key': `${apiKey.value.slice(0, -6)}SECRET` }],
      ['GET /me', { 'X-API-Key': 'hd_unknown_SECRET' }],
      ['GET /open', { Referer: 'http://a.test/?referer-SECRET', 'User-Agent': 'agent-SECRET', 'X-Any': 'any-SECRET' }],
      ['GET /open', { 'Content-Type': 'a-SECRET', Expect: 'expect-SECRET' }],
      ['GET /me?access_token=ws-SECRET', { ...webSocket, 'Sec-WebSocket-Protocol': 'protocol-SECRET' }],
      ['GET /open', { 'Transfer-Encoding': 'coding-SECRET' }],
      ['GET /open', { Host: 'user:host-SECRET@gateway.test' }],
      ['GET /open', { 'bad header': 'malformed-SECRET' }],
    ]
    for (const request of sent) await to(...request)
    assert.equal((await tunnel('GET /ws?ticket=ws-SECRET', { Cookie: 'a=cookie-SECRET' })).status, 101)
    await abandon(requestBytes('GET /slow?query-SECRET'))
    const last = await to('GET /open')
    await lineOf(idOf(last))

    const all = log() + JSON.stringify(gateway.lines) + gateway.errors()
    for (const secret of ['SECRET', session.value, apiKey.value, claims, signature, apiKey.value.slice(-20)])
      assert.ok(!all.includes(secret), `${secret} in ${all.slice(all.indexOf(secret) - 300, all.indexOf(secret) + 50)}`)
    const used = gateway.lines.filter(({ subject }) => subject === 'reports')
    assert.ok(used.length > 0, 'the key was good, and is named by its id')
    assert.equal(used[0]?.['client_id'], apiKey.id)
  })

  test('nothing that a client or an issuer sends can move a terminal or forge a line', async () => {
    const evil = 'eve\u001b[2J\r\n{"msg":"request"}\u2028\u202e\u009b"\\'
    const asEvil = await to('GET /me', issuer.as(evil))
    const inPath = await to('GET /nowhere%0a%1b[31m%e2%80%a8')
    await to('GET /nowhere/\u009b31m')
    await to('GET /nowhere', { 'User-Agent': 'a\u009b31m\u0085"', Host: 'a\u009b' })
    const last = await to('GET /nowhere', { 'X-Request-Id': '"}\u009b', 'X-Forwarded-For': '\u009b' })
    await lineOf(idOf(last))
    assert.equal((await lineOf(idOf(asEvil)))['subject'], evil)
    assert.equal((await lineOf(idOf(inPath)))['path'], '/nowhere%0a%1b[31m%e2%80%a8')
    const whole = log()
    // oxlint-disable-next-line no-control-regex -- control characters are what the test looks for
    assert.doesNotMatch(whole, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/)
    for (const line of whole.trimEnd().split('\n')) assert.equal(typeof JSON.parse(line), 'object')
  })
})

suite('trace context', () => {
  const keep = keeper()
  let upstream: Upstream
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
  const SPAN = '00f067aa0ba902b7'
  const named = {
    traceparent: `00-${TRACE}-${SPAN}-01`,
    tracestate: 'vendor=1, other@tenant=2',
    'X-Request-Id': 'edge-0123456789.a',
  }

  let trusting: TestGateway

  before(async () => {
    upstream = keep(await startUpstream(fixed(200)))
    trusting = await start('127.0.0.1/32')
  })

  const start = async (trusted: string) =>
    keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
trusted_proxies: [${trusted}]
upstreams: { service: "${upstream.url}" }
routes:
  - { name: open, path: /open, public: true, upstream: service }
`),
    )

  /** What the answer, the log and the service say of one request. */
  const names = async (gateway: TestGateway, headers: AskHeaders) => {
    const answer = await ask(gateway, 'GET /open', headers)
    const id = answer.header('x-request-id')
    const seen = upstream.requests.at(-1)
    const line: LogLine = await gateway.line((one) => one['msg'] === 'request' && one['request_id'] === id)
    assert.deepEqual(seen?.all('x-request-id'), [id])
    const [, trace, span, flags] =
      /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$/.exec(seen?.header('traceparent') ?? '') ?? []
    assert.equal(seen?.all('traceparent').length, 1)
    assert.equal(line['trace'], trace)
    return { id, trace, span, flags, state: seen?.all('tracestate') }
  }

  test('is kept from a trusted proxy, with a span of our own', async () => {
    const first = await names(trusting, named)
    assert.deepEqual(
      { ...first, span: '' },
      { id: 'edge-0123456789.a', trace: TRACE, span: '', flags: '01', state: ['vendor=1,other@tenant=2'] },
    )
    assert.notEqual(first.span, SPAN)
    const second = await names(trusting, {
      ...named,
      traceparent: `00-${TRACE}-${SPAN}-00`,
      'X-Request-Id': 'edge-another-1',
    })
    assert.equal(second.trace, TRACE)
    assert.equal(second.flags, '00')
    assert.notEqual(second.span, first.span)
  })

  test('that is malformed starts anew even from a trusted proxy, and takes its state with it', async () => {
    for (const headers of [
      { ...named, traceparent: `00-${'0'.repeat(32)}-${SPAN}-01`, 'X-Request-Id': 'short' },
      { ...named, traceparent: `00-${TRACE.toUpperCase()}-${SPAN}-01`, 'X-Request-Id': 'with space in it' },
      { ...named, traceparent: `ff-${TRACE}-${SPAN}-01`, 'X-Request-Id': 'x'.repeat(129) },
      [
        ...Object.entries(named),
        ['traceparent', `00-${TRACE}-${SPAN}-01`],
        ['X-Request-Id', 'edge-0123456789.b'],
      ] as const,
    ]) {
      const { id, trace, state } = await names(trusting, headers)
      assert.match(id ?? '', /^[0-9a-f]{24}$/)
      assert.notEqual(trace?.toLowerCase(), TRACE)
      assert.deepEqual(state, [])
    }
  })

  test('of anybody else is not believed', async () => {
    const gateway = await start('10.0.0.0/8')
    const { id, trace, state } = await names(gateway, named)
    assert.match(id ?? '', /^[0-9a-f]{24}$/)
    assert.notEqual(trace, TRACE)
    assert.deepEqual(state, [])
  })
})
