/**
 * Spoofed headers: what a client sends under a name that services believe, in any spelling, on any kind of route.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes, type AskHeaders } from '../support/ask.ts'
import { startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import { serve } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { assertHeaders, assertSafe } from '../support/oracles.ts'
import { exchange } from '../support/raw-client.ts'

type Pairs = readonly (readonly [string, string])[]

const upgrade: Pairs = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
]

/** Case by the advisory that first showed it. */
const spoofs: readonly (readonly [string, Pairs])[] = [
  [
    'CVE-2025-64484',
    [
      ['X_Forwarded_User', 'root'],
      ['X_Heimdall_Subject', 'root'],
    ],
  ],
  [
    'CVE-2026-39858',
    [
      ['X_Forwarded_Proto', 'https'],
      ['X_Auth_Request_User', 'root'],
      ['X-Auth_Request_User', 'root'],
    ],
  ],
  [
    'CVE-2026-88011',
    [
      ['X.Authenticated.Groups', 'admin'],
      ['X.Heimdall.Subject', 'root'],
      ['X-Heimdall-Subject!', 'root'],
      ['~X-Heimdall-Subject', 'root'],
      ['X~Heimdall-Roles', 'admin'],
      ['X--Heimdall--Subject', 'root'],
      ['_X-Heimdall-Subject_', 'root'],
      ['X|Heimdall^Subject', 'root'],
    ],
  ],
  [
    'GHSA-7r4p-vjf4-gxv4',
    [
      ['X-Heimdall-Roles', 'admin'],
      ['x-heimdall-email', 'root@acme.test'],
    ],
  ],
  [
    'CVE-2021-32813',
    [
      ['Connection', 'close, X-Heimdall-Subject, x-request-id'],
      ['X-Heimdall-Subject', 'root'],
    ],
  ],
  [
    'CVE-2024-45410',
    [
      ['Connection', 'X-FORWARDED-FOR, X-FORWARDED-HOST'],
      ['Connection', 'X-HEIMDALL-ISSUER'],
      ['Connection', ''],
      ['X-Forwarded-For', '127.0.0.1'],
    ],
  ],
  [
    'CVE-2026-26308',
    [
      ['X-Heimdall-Roles', 'user'],
      ['X-Heimdall-Roles', 'admin'],
    ],
  ],
  [
    'CVE-2026-40575',
    [
      ['X-Forwarded-Uri', '/public'],
      ['X-Forwarded-Method', 'GET'],
    ],
  ],
  [
    'CVE-2023-27487',
    [
      ['X-Original-URL', '/public'],
      ['X-Rewrite-URL', '/public'],
      ['X-Envoy-Original-Path', '/public'],
    ],
  ],
  [
    'CVE-2026-35051',
    ['For', 'Host', 'Proto', 'Port', 'Prefix', 'Server', 'Ssl', 'Scheme', 'Client-Cert', 'By', 'Path'].map(
      (name) => [`X-Forwarded-${name}`, '1'] as const,
    ),
  ],
  [
    'the forwarding family',
    [
      'X-Real-Ip',
      'X-Scheme',
      'Forwarded',
      'Via',
      'True-Client-Ip',
      'CF-Connecting-IP',
      'X-Client-IP',
      'X-Host',
      'X-True-Client-IP',
      'Client-Cert',
      'Client_Cert',
      'X-HTTP-Host-Override',
    ].map((name) => [name, '127.0.0.1'] as const),
  ],
  ['CVE-2016-5385', [['Proxy', 'http://evil.test']]],
  [
    'method overrides',
    [
      ['X-HTTP-Method-Override', 'DELETE'],
      ['X_HTTP_Method_Override', 'DELETE'],
      ['X-Method-Override', 'DELETE'],
      ['X-HTTP-Method', 'DELETE'],
    ],
  ],
  [
    'other presets',
    [
      ['Remote-User', 'root'],
      ['Remote_Groups', 'admin'],
      ['X-Consumer-ID', '1'],
      ['X-Authenticated-Userid', '1'],
    ],
  ],
  [
    'traces',
    [
      ['X-Request-Id', 'chosen-by-me'],
      ['traceparent', `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`],
      ['tracestate', 'a=b'],
    ],
  ],
  [
    'framing under other names',
    [
      ['Content_Length', '99'],
      ['Transfer_Encoding', 'chunked'],
      ['Keep-Alive', '1'],
      ['Proxy-Connection', 'keep-alive'],
      ['TE', 'gzip, deflate'],
      ['Trailer', 'X-Heimdall-Subject'],
      ['HTTP2-Settings', 'AAMAAABk'],
      ['Proxy-Authorization', 'Basic eDp5'],
    ],
  ],
  [
    'CVE-2026-21710',
    [
      ['__proto__', 'x'],
      ['constructor', 'x'],
      ['hasOwnProperty', 'x'],
      ['0', 'x'],
      ['1', 'x'],
    ],
  ],
]

suite('spoofed headers', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  /** Sends it and returns what the service received. */
  const pass = async (line: string, headers: AskHeaders, status: number) => {
    const { gateway, upstream } = fortress
    const seen = upstream.requests.length
    const response = await ask(gateway, line, headers)
    assert.equal(response.status, status, response.head)
    const received = upstream.requests[seen]
    assert.ok(received !== undefined && upstream.requests.length === seen + 1)
    assertSafe([received], PROTECTED)
    return received
  }

  for (const [advisory, headers] of spoofs) {
    test(`${advisory}: go no further on a public route, and nobody is named there`, async () => {
      const { head } = await pass('GET /public/x', [...headers, ...Object.entries(fortress.issuer.as('alice'))], 200)
      assert.doesNotMatch(head, /x-heimdall-|root|chosen-by-me|evil|authorization/i)
    })

    test(`${advisory}: leave only what the gateway proved on a protected route`, async () => {
      const received = await pass('GET /admin/x', [...headers, ...Object.entries(fortress.issuer.as('alice'))], 200)
      assert.deepEqual(received.all('x-heimdall-subject'), ['alice'])
      assert.deepEqual(received.all('x-heimdall-issuer'), [fortress.issuer.name])
      assert.deepEqual(received.all('x-heimdall-roles'), [])
      assert.deepEqual(received.all('x-heimdall-email'), [])
      assert.deepEqual(received.all('x-forwarded-for'), ['127.0.0.1'])
      assert.equal(received.all('x-request-id').length, 1)
    })

    test(`${advisory}: are no proof of anything`, async () => {
      const seen = fortress.upstream.requests.length
      assert.equal((await ask(fortress.gateway, 'GET /admin/x', headers)).status, 401)
      assert.equal(fortress.upstream.requests.length, seen)
    })

    test(`${advisory}: go no further on an upgrade either`, async () => {
      const credential = Object.entries(fortress.issuer.as('alice'))
      const received = await pass('GET /admin/ws', [...upgrade, ...headers, ...credential], 200)
      assert.deepEqual(received.all('x-heimdall-subject'), ['alice'])
      assert.deepEqual(received.all('x-heimdall-roles'), [])
      assert.deepEqual(received.all('authorization'), [])
      assert.deepEqual(received.all('x-forwarded-for'), ['127.0.0.1'])
    })
  }

  test('CVE-2026-88004: trailers of a request go no further', async () => {
    const { gateway, upstream, issuer } = fortress
    const { Authorization } = issuer.as('alice')
    const body = '5\r\nhello\r\n0\r\nX-Heimdall-Subject: root\r\nX-Heimdall-Roles: admin\r\n\r\n'
    const lines = [
      'POST /admin/x HTTP/1.1',
      'Host: a',
      `Authorization: ${Authorization}`,
      'Trailer: X-Heimdall-Subject',
    ]
    const bytes = [...lines, 'Transfer-Encoding: chunked', '', body].join('\r\n')
    assert.equal((await exchange(gateway.port, bytes)).status, 200)
    const received = upstream.requests.at(-1)
    assert.ok(received !== undefined)
    await received.whole
    assert.equal(received.body.toString(), 'hello')
    assertSafe([received], PROTECTED)
  })

  test('CVE-2026-34457: a health checker is nobody', async () => {
    for (const agent of ['kube-probe/1.30', 'GoogleHC/1.0', 'ELB-HealthChecker/2.0'])
      assert.equal(
        outcomeOf(await ask(fortress.gateway, 'GET /admin/x', { 'User-Agent': agent })),
        '401 no_credentials',
      )
  })

  test('HTTP Garden 41: bytes above 0x7f in other headers go on as they came', async () => {
    const received = await pass('GET /public/x', { 'X-Any': '\x85admin\xa0' }, 200)
    assert.ok(received.head.includes('X-Any: \x85admin\xa0\r\n'), received.head)
  })

  test('CVE-2026-31908: a claim begins no header and no log line', async () => {
    const name = 'a\r\nX-Heimdall-Roles: admin\u2028\u001b[2J'
    const received = await pass(
      'GET /admin/x',
      fortress.issuer.as('mal\nlory', { name, roles: ['x,admin', 'a b'] }),
      200,
    )
    assert.deepEqual(received.all('x-heimdall-roles'), ['a b,x%2Cadmin'])
    assert.deepEqual(received.all('x-heimdall-subject'), ['mal%0Alory'])
    const { subject } = await fortress.gateway.line(({ subject }) => String(subject).startsWith('mal'))
    assert.equal(subject, 'mal\nlory')
  })

  test('a service does not speak for the gateway', async () => {
    const { upstream, gateway } = fortress
    const lines = [
      'X-Heimdall-Subject: root',
      'X_Heimdall.Roles: admin',
      'X-Forwarded-User: root',
      'X-Request-Id: mine',
    ]
    upstream.answer = fixed(200, 'x', [...lines, 'X-Kept: yes'])
    const response = await ask(gateway, 'GET /public/x')
    upstream.answer = fixed(200, 'service')
    assert.doesNotMatch(response.head, /root|admin|mine/)
    assert.equal(response.header('x-kept'), 'yes')
  })
})

suite('spoofed headers of an own map', () => {
  const keep = keeper()
  const own = ['X-User', 'X-User-Role', 'X-User-Email']

  test('GHSA-7r4p-vjf4-gxv4: a fact that the identity lacks is an absent header, in every spelling', async () => {
    const { upstream, issuer } = await startFortress(keep)
    const gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
authenticators: { acme: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } } }
identity: { headers: { subject: X-User, user_role: X-User-Role, email: X-User-Email } }
routes:
  - { path: /in, upstream: service, authenticate: [acme] }
  - { path: /out, upstream: service, public: true }
`),
    )
    const spoofed = ['X-User', 'X-User-Role', 'x_user_role', 'X.User.Role', 'X-USER-EMAIL', 'X-User_Email'].map(
      (name) => [name, 'root'] as const,
    )
    for (const [line, headers] of [
      [
        'GET /in',
        [...spoofed, ...Object.entries(issuer.as('alice', { email: 'eve@acme.test', email_verified: false }))],
      ],
      ['GET /out', spoofed],
    ] as const) {
      assert.equal((await ask(gateway, line, headers)).status, 200)
      const received = upstream.requests.at(-1)
      assert.ok(received !== undefined)
      assertHeaders(received, own)
      assert.deepEqual(received.all('x-user'), line === 'GET /in' ? ['alice'] : [])
      assert.deepEqual([...received.all('x-user-role'), ...received.all('x-user-email')], [])
    }
    assert.equal((await exchange(gateway.port, requestBytes('GET /in', spoofed))).status, 401)
  })
})
