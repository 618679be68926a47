/**
 * Caches that answer for somebody else or for too long: ours (C1, C2), those in front of us (C4), and what counts as one client (C5).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { grant, upsertUser } from '#stores/writes.ts'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes, type AskHeaders } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { claimsNow } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres } from '../support/postgres.ts'
import { connectRaw } from '../support/raw-client.ts'
import { noRedis } from '../support/redis.ts'
import { token } from '../support/tokens.ts'
import { startPair, type GatewayPair } from '../support/gateway-pair.ts'
import { startUpstream, type Answer } from '../support/upstream.ts'

const file = `
routes:
  - { path: /me }
  - { path: "/account/**" }
  - { path: /maybe, optional: true }
  - { path: /open, public: true }
  - { path: /roles, authenticate: [a, ab], require: { roles: [admin] } }
  - { path: /billing, authenticate: [billing] }
  - { path: /pair, limits: [{ allow: 1/h, by: [subject, tenant] }] }
  - { path: /limited, public: true, limits: [{ allow: 1/h, by: client }] }
`
const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

suite('caches', { skip: noPostgres || noRedis }, () => {
  const keep = keeper()
  let pair: GatewayPair

  before(async () => {
    pair = await startPair(keep, {
      file,
      authenticators: ({ name, keys }) =>
        [
          ['a', `${name}/a`, 'orders-api'],
          ['ab', `${name}/ab`, 'orders-api'],
          ['billing', name, 'billing-api'],
        ]
          .map(
            ([as, issuer, audience]) =>
              `  ${as}: { jwt: { issuer: "${issuer}", jwks_url: "${keys.url}", audience: ${audience}, grants: both } }`,
          )
          .join('\n'),
    })
    await upsertUser(pair.directory.db, { id: 'alice' })
  })

  const outcome = async (line: string, headers: AskHeaders, at: TestGateway) => outcomeOf(await ask(at, line, headers))
  const both = () => [pair.first, pair.second]
  /** A token of an issuer whose name begins as that of `pair.issuer`. */
  const as = (tail: string, subject: string, part: Record<string, unknown> = {}) => {
    const { name, signer } = pair.issuer
    return { Authorization: `Bearer ${token(signer, { ...claimsNow(name + tail, subject), ...part })}` }
  }

  test('C1 GHSA-4mq7-pvjg-xp2r: issuer and subject do not run into each other, in memory and in Redis', async () => {
    const { name } = pair.issuer
    await grant(pair.directory.db, { issuer: `${name}/a`, subject: 'bc' }, { roles: ['admin'] })
    await grant(pair.directory.db, { issuer: `${name}/ab`, subject: '1:x' }, { roles: ['admin'] })
    for (let round = 0; round < 2; round += 1)
      for (const at of both()) {
        assert.equal(await outcome('GET /roles', as('/a', 'bc'), at), '200')
        assert.equal(await outcome('GET /roles', as('/ab', 'c'), at), '403 permission_denied')
        assert.equal(await outcome('GET /roles', as('/ab', '1:x'), at), '200')
        assert.equal(await outcome('GET /roles', as('/a', 'b1:x'), at), '403 permission_denied')
        assert.equal(await outcome('GET /roles', as('/ab', 'bc'), at), '403 permission_denied')
      }
  })

  test('C1 GHSA-v574-6498-x57v CVE-2026-2836: one token is judged anew by every route, issuer and audience', async () => {
    const [orders, bills] = [as('', 'carol'), as('', 'carol', { aud: 'billing-api' })]
    for (let round = 0; round < 2; round += 1)
      for (const at of both()) {
        assert.equal(await outcome('GET /me', orders, at), '200')
        assert.equal(await outcome('GET /billing', orders, at), '401 invalid_token')
        assert.equal(await outcome('GET /roles', orders, at), '401 invalid_token')
        assert.equal(await outcome('GET /billing', bills, at), '200')
        assert.equal(await outcome('GET /me', bills, at), '401 invalid_token')
      }
  })

  test('C1: a limit by two facts keeps every pair apart, and counts it once for both gateways', async () => {
    const pairs: readonly (readonly [string, string | undefined])[] = [
      ['a', 'bc'],
      ['ab', 'c'],
      ['a:', 'bc'],
      ['a', ':bc'],
      ['1:a', 'bc'],
      ['a,bc', undefined],
      ['a', undefined],
      ['a', '-'],
      ['a|b', 'c'],
      ['a', 'b|c'],
      ['a%3A', 'bc'],
    ]
    for (const [subject, tenant] of pairs)
      assert.equal(await outcome('GET /pair', as('', subject, { tenant }), pair.first), '200', `${subject} ${tenant}`)
    for (const [subject, tenant] of pairs)
      assert.equal(await outcome('GET /pair', as('', subject, { tenant }), pair.second), '429 rate_limited')
  })

  test('C2 PelicanPlatform#3696 keygen-api#651: a credential in use ends with its lifetime at both gateways, however hot', async () => {
    const { directory } = pair
    const end = (Math.floor(Date.now() / 1000) + 3) * 1000
    const lifetime = () => end - Date.now()
    const credentials: Record<string, AskHeaders> = {
      token: as('', 'dora', { exp: end / 1000 }),
      session: { Cookie: `heimdall_session=${(await directory.session('alice', lifetime())).value}` },
      key: { 'X-API-Key': (await directory.apiKey({ subject: 'robot', expires_at: end })).value },
    }
    /** Asks without a pause until the first refusal. */
    const outlive = async (headers: AskHeaders, at: TestGateway) => {
      let last = 0
      for (;;) {
        const asked = Date.now()
        const said = await outcome('GET /me', headers, at)
        if (said !== '200') return { said, last, first: Date.now() }
        last = asked
        assert.ok(asked < end + 2000, 'accepted for ever')
      }
    }
    const all = Object.entries(credentials).flatMap(([name, headers]) => both().map((at) => ({ name, headers, at })))
    const ends = await Promise.all(all.map(({ headers, at }) => outlive(headers, at)))
    for (const [index, { said, last, first }] of ends.entries()) {
      const { name } = all[index] ?? {}
      assert.match(said, /^401 (?:token_expired|invalid_session|invalid_api_key)$/, name)
      assert.ok(last > 0, `${name} was never accepted`)
      assert.ok(last < end + 1000 && first >= end, `${name}: last ${last - end} ms, first ${first - end} ms`)
    }
  })

  test('C2: a file that changes what a token must be for takes what was remembered along', async () => {
    const gateway = keep(await serve(oneAudience('orders-api')))
    const alice = as('', 'alice')
    for (let round = 0; round < 2; round += 1) assert.equal(await outcome('GET /', alice, gateway), '200')
    gateway.rewrite(oneAudience('other-api'))
    await gateway.line(({ msg }) => msg === 'configuration applied')
    assert.equal(await outcome('GET /', alice, gateway), '401 invalid_token')
  })

  const oneAudience = (audience: string) => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${pair.upstream.url}" }
authenticators:
  acme: { jwt: { issuer: "${pair.issuer.name}", jwks_url: "${pair.issuer.keys.url}", audience: ${audience} } }
routes: [{ path: /, upstream: service, authenticate: [acme] }]
`

  /** `Cache-Control` and `Vary` of an answer to which the service gave these lines. */
  const told = async (line: string, headers: AskHeaders, lines: readonly string[], at = pair.first) => {
    pair.upstream.answer = fixed(200, 'mine', lines)
    const response = await ask(at, line, headers)
    pair.upstream.answer = fixed(200, 'service')
    assert.equal(response.text, 'mine')
    return [response.all('cache-control'), response.all('vary')]
  }

  const says = (...values: string[]) => values.map((value) => `Cache-Control: ${value}`)
  for (const [lines, kept] of [
    [[], 'private'],
    [says('max-age=3600'), 'max-age=3600, private'],
    [says('max-age=3600', 'must-revalidate'), 'max-age=3600, must-revalidate, private'],
    [says('no-cache'), 'no-cache, private'],
    [says('private, max-age=60'), 'private, max-age=60'],
    [says('no-store'), 'no-store'],
    [says('public, max-age=60'), 'public, max-age=60'],
    [says('s-maxage=60'), 's-maxage=60'],
  ] as const)
    test(`C4: an answer to a proved identity says ${kept} where the service says ${lines.join(' and ') || 'nothing'}`, async () => {
      const { directory } = pair
      const vary = ['Vary: Authorization, Accept']
      const session = { Cookie: `heimdall_session=${(await directory.session('alice')).value}` }
      const key = { 'X-API-Key': (await directory.apiKey({ subject: 'robot' })).value }
      for (const headers of [session, key, as('', 'alice')])
        for (const line of ['GET /me', 'GET /account/x.css', 'GET /account/a/b.png?v=1', 'GET /maybe'])
          assert.deepEqual(await told(line, headers, [...lines, ...vary]), [[kept], ['Authorization, Accept']], line)
      for (const [line, headers] of [
        ['GET /open', session],
        ['GET /maybe', {}],
      ] as const) {
        const untouched = lines.map((one) => one.slice('Cache-Control: '.length)).join(', ')
        const [said = []] = await told(line, headers, lines)
        assert.equal(said.join(', '), untouched, line)
      }
    })

  test('C4: paths that look like files of somebody else are refused, not shortened', async () => {
    const session = { Cookie: `heimdall_session=${(await pair.directory.session('alice')).value}` }
    const seen = pair.upstream.requests.length
    for (const target of [
      '/account%0a.css',
      '/account%3b.css',
      '/me%2f..%2fx.css',
      '/account/%2e%2e/x.css',
      '/me;x.css',
    ])
      assert.match(await outcome(`GET ${target}`, session, pair.first), /^40[04] /, target)
    assert.equal(pair.upstream.requests.length, seen)
  })

  test('C4: what no cache would tell apart does not reach the service', async () => {
    const unkeyed = {
      'X-Forwarded-Host': 'evil.test',
      'X-Forwarded-Scheme': 'evil',
      'X-Host': 'evil',
      Forwarded: 'host=evil',
    }
    assert.equal(await outcome('GET /open', unkeyed, pair.first), '200')
    assert.doesNotMatch(pair.upstream.requests.at(-1)?.head ?? '', /evil/)
  })

  test('C4: our own refusals are kept by nobody', async () => {
    const preflight = { Origin: 'https://app.test', 'Access-Control-Request-Method': 'GET' }
    const refused = []
    for (const [line, headers] of [
      ['GET /me', {}],
      ['GET /me', { 'X-API-Key': 'x' }],
      ['GET /roles', as('/a', 'nobody')],
      ['GET /limited', {}],
      ['GET /limited', {}],
      ['GET /nowhere', {}],
      ['GET //x', {}],
      ['OPTIONS /open', preflight],
      ['OPTIONS *', {}],
    ] as const) {
      const response = await ask(pair.first, line, headers)
      if (response.text === 'service') continue
      refused.push(response.status)
      assert.deepEqual(response.all('cache-control'), ['no-store'], line)
    }
    assert.deepEqual(refused, [401, 401, 403, 429, 404, 400, 204])
  })

  test('C4: an upgrade says nothing of caches, and an answer in its place says private', async () => {
    const alice = as('', 'alice')
    const accepting: Answer = (_, connection) => {
      connection.socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
      )
    }
    for (const [answer, expected] of [
      [accepting, []],
      [fixed(200, 'no'), ['private']],
    ] as const) {
      pair.upstream.answer = answer
      const client = await connectRaw(pair.first.port)
      client.send(requestBytes('GET /me', { ...HANDSHAKE, ...alice }))
      const response = await client.response()
      assert.deepEqual(response.all('cache-control'), expected, response.line)
      client.destroy()
    }
    pair.upstream.answer = fixed(200, 'service')
  })
})

suite('C5 CVE-2026-30827: clients', () => {
  const keep = keeper()
  let gateway: TestGateway

  before(async () => {
    const upstream = keep(await startUpstream(fixed(200, 'service')))
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
trusted_proxies: [127.0.0.1]
upstreams: { service: "${upstream.url}" }
routes: [{ path: /, public: true, upstream: service, limits: [{ allow: 1/h, by: client }] }]
`),
    )
  })

  const from = async (address: string) => (await ask(gateway, 'GET /', { 'X-Forwarded-For': address })).status

  for (const [what, spellings] of [
    [
      'an IPv4 address is one client in every spelling',
      [
        '1.2.3.4',
        '::ffff:1.2.3.4',
        '::ffff:102:304',
        '::FFFF:0102:0304',
        '0:0:0:0:0:ffff:1.2.3.4',
        '1.2.3.4:443',
        '[::ffff:1.2.3.4]:80',
        '9.9.9.9, 1.2.3.4',
      ],
    ],
    [
      'an IPv6 /64 is one client whatever is rotated inside',
      [
        '2001:db8::1',
        '2001:db8::2',
        '2001:DB8:0:0:ffff:ffff:ffff:ffff',
        '2001:db8::1.2.3.4',
        '[2001:db8::3]:443',
        '2001:0db8:0000:0000::',
      ],
    ],
  ] as const)
    test(what, async () => {
      const answers = []
      for (const spelling of spellings) answers.push(await from(spelling))
      assert.deepEqual(answers, [200, ...spellings.slice(1).map(() => 429)])
    })

  test('neighbours are clients of their own', async () => {
    for (const address of ['1.2.3.5', '::ffff:1.2.3.6', '2001:db8:0:1::1', '2001:db8:1::1', '::1.2.3.4', '64:ff9b::1'])
      assert.equal(await from(address), 200, address)
  })
})
