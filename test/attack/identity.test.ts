/**
 * Borrowed identities: credentials in the wrong place, on the wrong route, in two places at once, or left over from somebody else.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { ask, outcomeOf, requestBytes, type AskHeaders } from '../support/ask.ts'
import { API_KEY, startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import { keeper } from '../support/keeper.ts'
import { assertSafe } from '../support/oracles.ts'
import { connectRaw } from '../support/raw-client.ts'

type Pairs = readonly (readonly [string, string])[]

/** Requests without a good credential, and how they end. */
const strangers: readonly (readonly [string, string, Pairs, string])[] = [
  ['a key under another name', 'GET /admin/x', [['X_API_Key', API_KEY]], '401 no_credentials'],
  ['a key with a dot', 'GET /admin/x', [['X.API.Key', API_KEY]], '401 no_credentials'],
  ['a key as a bearer token', 'GET /admin/x', [['Authorization', `Bearer ${API_KEY}`]], '401 invalid_token'],
  ['a key in the query', `GET /admin/x?api_key=${API_KEY}`, [], '401 no_credentials'],
  ['a key in a cookie', 'GET /admin/x', [['Cookie', `X-API-Key=${API_KEY}`]], '401 no_credentials'],
  [
    'a key twice',
    'GET /admin/x',
    [
      ['X-API-Key', API_KEY],
      ['x-api-key', API_KEY],
    ],
    '401 invalid_api_key',
  ],
  ['a key with a space in it', 'GET /admin/x', [['X-API-Key', API_KEY.replace('A', 'A ')]], '401 invalid_api_key'],
  ['an empty key', 'GET /admin/x', [['X-API-Key', '']], '401 invalid_api_key'],
  ['a key where only tokens count', 'GET /tokens-only', [['X-API-Key', API_KEY]], '401 no_credentials'],
  ['an empty Authorization', 'GET /admin/x', [['Authorization', '']], '401 invalid_token'],
  ['Basic', 'GET /admin/x', [['Authorization', 'Basic YWxpY2U6YWxpY2U=']], '401 invalid_token'],
  [
    'Authorization twice',
    'GET /admin/x',
    [
      ['Authorization', 'Bearer a'],
      ['Authorization', 'Bearer b'],
    ],
    '400 header_duplicate',
  ],
  ['a broken token where none is needed', 'GET /maybe', [['Authorization', 'Bearer a.b.c']], '401 invalid_token'],
  ['a broken key where none is needed', 'GET /maybe', [['X-API-Key', 'hd_x']], '401 invalid_api_key'],
  ['nothing in shadow mode', 'GET /shadow', [], '401 no_credentials'],
  ['a broken token in shadow mode', 'GET /shadow', [['Authorization', 'Bearer a.b.c']], '401 invalid_token'],
  ['OPTIONS', 'OPTIONS /admin/x', [], '401 no_credentials'],
  ['POST with a method override', 'POST /admin/x', [['X-HTTP-Method-Override', 'OPTIONS']], '401 no_credentials'],
  [
    'what looks like a preflight, where there is no cors',
    'OPTIONS /admin/x',
    [
      ['Origin', 'https://app.test'],
      ['Access-Control-Request-Method', 'GET'],
    ],
    '401 no_credentials',
  ],
  [
    'a preflight of a stranger',
    'OPTIONS /cors',
    [
      ['Origin', 'https://evil.test'],
      ['Access-Control-Request-Method', 'GET'],
    ],
    '403 origin_denied',
  ],
  [
    'a preflight of two origins',
    'OPTIONS /cors',
    [
      ['Origin', 'https://app.test'],
      ['Origin', 'https://evil.test'],
      ['Access-Control-Request-Method', 'GET'],
    ],
    '403 origin_denied',
  ],
  [
    'a preflight that splits a line',
    'OPTIONS /cors',
    [
      ['Origin', 'https://app.test'],
      ['Access-Control-Request-Method', 'GET, X: y'],
    ],
    '400 header_invalid',
  ],
]

suite('borrowed identities', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  const outcome = async (line: string, headers: AskHeaders = {}) =>
    outcomeOf(await ask(fortress.gateway, line, headers))

  for (const [what, line, headers, expected] of strangers)
    test(`${what} is answered with ${expected} and reaches nobody`, async () => {
      const seen = fortress.upstream.requests.length
      assert.equal(await outcome(line, headers), expected)
      assert.equal(fortress.upstream.requests.length, seen)
    })

  test('C1 GHSA-4mq7-pvjg-xp2r: a token remembered on one route is not believed on another that wants another audience', async () => {
    const [alice, bob] = [fortress.issuer.as('alice'), fortress.issuer.as('bob', { aud: 'billing-api' })]
    for (let round = 0; round < 2; round += 1) {
      assert.equal(await outcome('GET /admin/x', alice), '200')
      assert.equal(await outcome('GET /other-audience', alice), '401 invalid_token')
      assert.equal(await outcome('GET /other-audience', bob), '200')
      assert.equal(await outcome('GET /admin/x', bob), '401 invalid_token')
    }
  })

  test('shadow mode lets pass what require would refuse, and nothing else', async () => {
    assert.equal(await outcome('GET /shadow', fortress.issuer.as('alice')), '200')
    assert.equal(await outcome('GET /shadow', fortress.issuer.as('alice', { aud: 'x' })), '401 invalid_token')
  })

  test('roles of one request are not those of the next', async () => {
    const { issuer } = fortress
    assert.equal(await outcome('GET /roles/x', issuer.as('alice', { roles: ['admin'] })), '200')
    assert.equal(await outcome('GET /roles/x', issuer.as('alice')), '403 permission_denied')
    assert.equal(await outcome('GET /roles/x', issuer.as('alice', { roles: { admin: true } })), '403 permission_denied')
    assert.equal(await outcome('GET /roles/x', issuer.as('alice', { roles: 'admin user' })), '403 permission_denied')
    assert.equal(
      await outcome('GET /roles/x', { 'X-API-Key': API_KEY, 'X-Heimdall-Roles': 'admin' }),
      '403 permission_denied',
    )
  })

  test('C18: on one connection every request is judged alone', async () => {
    const { issuer, upstream, port } = fortress
    const seen = upstream.requests.length
    const client = await connectRaw(port)
    const asked: (readonly [AskHeaders, number, string | undefined])[] = [
      [issuer.as('alice'), 200, 'alice'],
      [{}, 401, undefined],
      [issuer.as('bob'), 200, 'bob'],
      [{ 'X-API-Key': API_KEY }, 200, 'robot'],
      [{ Authorization: 'Bearer a.b.c' }, 401, undefined],
      [issuer.as('alice'), 200, 'alice'],
    ]
    for (const [headers, status] of asked) {
      client.send(requestBytes('GET /admin/x', headers))
      assert.equal((await client.response()).status, status)
    }
    client.destroy()
    const received = upstream.requests.slice(seen)
    assert.deepEqual(
      received.map((request) => request.header('x-heimdall-subject')),
      asked.flatMap(([, , subject]) => subject ?? []),
    )
    assertSafe(received, PROTECTED)
  })

  test('J20: no credential goes further than the gateway, in whatever place', async () => {
    const { Authorization } = fortress.issuer.as('alice')
    for (const line of ['GET /admin/x', 'GET /public/x', 'GET /maybe']) {
      const headers = { Authorization, 'X-API-Key': API_KEY, X_API_Key: API_KEY, Authorization_: Authorization }
      assert.equal(await outcome(line, headers), '200')
      const { head = '' } = fortress.upstream.requests.at(-1) ?? {}
      assert.ok(!head.includes(API_KEY) && !head.includes(Authorization), head)
    }
  })

  test('a preflight is answered by the gateway alone', async () => {
    const seen = fortress.upstream.requests.length
    const headers = {
      Origin: 'https://app.test',
      'Access-Control-Request-Method': 'GET',
      ...fortress.issuer.as('alice'),
    }
    assert.equal(await outcome('OPTIONS /cors', headers), '204')
    assert.equal(await outcome('OPTIONS *'), '204')
    assert.equal(fortress.upstream.requests.length, seen)
  })

  test('a limit is the same under every spelling of path, host, address and method', async () => {
    const spellings: readonly (readonly [string, AskHeaders])[] = [
      ['GET /limited', {}],
      ['GET /%6cimited', { 'X-Forwarded-For': '192.0.2.1' }],
      ['POST /limited?x', { Host: 'other.test', 'X-Real-IP': '192.0.2.2' }],
      ['GET /limited', { Forwarded: 'for=192.0.2.3' }],
      ['OPTIONS /limited', { X_Forwarded_For: '192.0.2.4' }],
    ]
    const outcomes = []
    for (const [line, headers] of spellings) outcomes.push(await outcome(line, headers))
    assert.deepEqual(outcomes, ['200', '200', '200', '429 rate_limited', '429 rate_limited'])
  })

  test('J20 C17: neither log nor metrics hold a credential', async () => {
    const { gateway, issuer } = fortress
    await outcome(`GET /public/x?token=${API_KEY}`, { ...issuer.as('eve'), 'X-API-Key': API_KEY })
    await outcome(`GET /admin/x?token=${API_KEY}`, { 'X-API-Key': `${API_KEY}x` })
    const metrics = await gateway.metrics()
    await gateway.line(({ route, outcome }) => route === '/admin/**' && outcome === 'invalid_api_key')
    for (const text of [metrics, JSON.stringify(gateway.lines), gateway.errors()]) {
      assert.ok(!text.includes(API_KEY))
      assert.doesNotMatch(text, /eyJ/)
    }
  })
})
