/**
 * What the service is told of who asks, and what nobody else can tell it.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { connectRaw } from '../support/raw-client.ts'
import { startUpstream, type Upstream, type UpstreamRequest } from '../support/upstream.ts'

const person = {
  roles: ['user', 'admin'],
  permissions: ['orders:read', 'a,b', '100%'],
  groups: ['b', 'a', 'a'],
  scope: 'profile openid',
  email: 'alice@acme.test',
  name: 'Ålice Ärden',
  preferred_username: 'alice',
  tenant: 'acme',
  client_id: 'web-app',
}

suite('identity', () => {
  const keep = keeper()
  let issuer: TestIssuer
  let upstream: Upstream

  before(async () => {
    issuer = keep(await startIssuer())
    upstream = keep(await startUpstream(fixed(200, 'service', ['X-Heimdall-Subject: root', 'X_Forwarded_User: root'])))
  })

  const start = async (top = '') =>
    keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
${top}
upstreams: { service: "${upstream.url}" }
authenticators:
  id: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } }
  keys: { api_key: { header: X-Machine-Key, keys: [{ id: m, subject: m, digest: "sha256:${'0'.repeat(64)}" }] } }
defaults: { upstream: service, authenticate: [id] }
routes:
  - { path: /me }
  - { path: /open, public: true }
  - { path: /maybe, optional: true }
  - { path: /keep, forward_credential: true }
`),
    )

  const last = (): UpstreamRequest => {
    const request = upstream.requests.at(-1)
    assert.ok(request !== undefined)
    return request
  }
  /** Names, as the service reads them, that could tell who asks. */
  const told = (request: UpstreamRequest, prefix: string) =>
    Object.fromEntries(
      request.headers
        .map(([name, value]) => [name.toLowerCase(), value] as const)
        .filter(([name]) => name.startsWith(prefix)),
    )

  suite('in the headers of heimdall', () => {
    let gateway: TestGateway
    before(async () => {
      gateway = await start()
    })

    test('tells all it knows: sorted, escaped, percent-encoded beyond ASCII', async () => {
      assert.equal((await ask(gateway, 'GET /me', issuer.as('alice', person))).status, 200)
      assert.deepEqual(told(last(), 'x-heimdall-'), {
        'x-heimdall-subject': 'alice',
        'x-heimdall-issuer': issuer.name,
        'x-heimdall-roles': 'admin,user',
        'x-heimdall-permissions': '100%25,a%2Cb,orders:read',
        'x-heimdall-scopes': 'openid,profile',
        'x-heimdall-groups': 'a,b',
        'x-heimdall-email': 'alice@acme.test',
        'x-heimdall-name': '%C3%85lice %C3%84rden',
        'x-heimdall-tenant': 'acme',
        'x-heimdall-client': 'web-app',
        'x-heimdall-authenticator': 'id',
      })
    })

    test('a fact that it does not know is an absent header, never the value of the client', async () => {
      const wishes = ['Roles', 'Permissions', 'Groups', 'Email', 'Tenant', 'Session', 'Flags', 'Assertion', 'Anything']
      const headers = Object.fromEntries(wishes.map((wish) => [`X-Heimdall-${wish}`, 'admin']))
      assert.equal((await ask(gateway, 'GET /me', { ...issuer.as('alice'), ...headers })).status, 200)
      assert.deepEqual(told(last(), 'x-heimdall-'), {
        'x-heimdall-subject': 'alice',
        'x-heimdall-issuer': issuer.name,
        'x-heimdall-authenticator': 'id',
      })
    })

    const spellings = [
      'X-Heimdall-Subject',
      'x-heimdall-subject',
      'X_Heimdall_Subject',
      'X-Heimdall_Subject',
      'X.Heimdall.Subject',
      'X-Heimdall--Subject',
      'X-Heimdall-Subject-',
      '-X-Heimdall-Subject',
      'X-Heimdall!Subject',
      'X-HEIMDALL',
      'X-Forwarded-User',
      'X_Forwarded_User',
      'X-Forwarded-Anything',
      'X-Auth-Request-Email',
      'Remote-User',
      'remote_user',
      'X-Consumer-ID',
      'X-Credential-Identifier',
      'X-Authenticated-Groups',
      'Forwarded',
      'X-Real-IP',
      'X-Client-IP',
      'True-Client-IP',
      'X-Original-URL',
      'X-Original-Host',
      'X-Rewrite-URL',
      'X-HTTP-Method-Override',
      'X-Method-Override',
      'X-Envoy-Original-Path',
      'Proxy',
      'traceparent',
      'tracestate',
      'X-Request-Id',
    ]
    for (const path of ['/me', '/open', '/maybe'])
      test(`drops every alias of a name that only the gateway may set, on ${path}`, async () => {
        for (const name of spellings) {
          const headers = path === '/me' ? issuer.as('alice') : {}
          assert.equal((await ask(gateway, `GET ${path}`, { ...headers, [name]: 'root-of-evil' })).status, 200, name)
          assert.ok(!last().head.includes('root-of-evil'), `${name} on ${path}`)
        }
      })

    test('ordinary headers go on with their spelling, order and repetition', async () => {
      const headers = [
        ['x-Custom', '1'],
        ['Accept', 'text/html'],
        ['X-CUSTOM', '2'],
        ['Cookie', 'a=1; b=2'],
        ['User-Agent', 'test/1'],
      ] as const
      await ask(gateway, 'GET /open', headers)
      const kept = last().headers.filter(([name]) => headers.some(([own]) => own.toLowerCase() === name.toLowerCase()))
      assert.deepEqual(kept, headers)
    })

    test('what a Connection header names cannot take our headers away, only those of the client', async () => {
      const connection = 'close, X-Heimdall-Subject, X-Heimdall-Roles, X-Forwarded-For, X-Custom, Authorization'
      const headers = { ...issuer.as('alice', person), Connection: connection, 'X-Custom': 'x', 'X-Other': 'y' }
      assert.equal((await ask(gateway, 'GET /me', headers)).status, 200)
      assert.equal(last().header('x-heimdall-subject'), 'alice')
      assert.equal(last().header('x-heimdall-roles'), 'admin,user')
      assert.equal(last().header('x-forwarded-for'), '127.0.0.1')
      assert.equal(last().header('x-custom'), undefined)
      assert.equal(last().header('x-other'), 'y')
    })

    test('trailers of a request are dropped', async () => {
      const client = await connectRaw(gateway.port)
      client.send(
        `POST /open HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Heimdall-Subject\r\n\r\n` +
          `4\r\nbody\r\n0\r\nX-Heimdall-Subject: root\r\nX-Custom: x\r\n\r\n`,
      )
      assert.equal((await client.response()).status, 200)
      client.destroy()
      assert.equal(last().body.toString(), 'body')
      assert.deepEqual(last().trailers, [])
      assert.equal(last().header('x-heimdall-subject'), undefined)
    })

    test('credentials go no further, of whatever authenticator and on whatever route, unless the route says so', async () => {
      const credentials = { ...issuer.as('alice'), 'X-Machine-Key': 'secret-key', 'Proxy-Authorization': 'Basic x' }
      for (const path of ['/me', '/open']) {
        await ask(gateway, `GET ${path}`, credentials)
        for (const name of ['authorization', 'x-machine-key', 'proxy-authorization'])
          assert.equal(last().header(name), undefined, `${name} on ${path}`)
      }
      const token = issuer.as('alice')
      await ask(gateway, 'GET /keep', token)
      assert.equal(last().header('authorization'), token.Authorization)
    })

    test('the service cannot speak for the gateway to clients', async () => {
      const response = await ask(gateway, 'GET /open')
      assert.equal(response.header('x-heimdall-subject'), undefined)
      assert.equal(response.header('x_forwarded_user'), undefined)
    })

    test('nobody is told that anonymous is somebody', async () => {
      await ask(gateway, 'GET /maybe')
      assert.deepEqual(told(last(), 'x-heimdall-'), {})
    })

    test('an identity above 8 KiB is refused, never cut', async () => {
      const seen = upstream.requests.length
      const groups = Array.from({ length: 600 }, (_, index) => `g${index}`)
      assert.equal((await ask(gateway, 'GET /me', issuer.as('alice', { groups }))).status, 200)
      const names = Array.from({ length: 370 }, (_, index) => `${index},,,,,,,`)
      const response = await ask(gateway, 'GET /me', issuer.as('alice', { groups: names }))
      assert.equal(outcomeOf(response), '403 identity_too_large')
      assert.equal(upstream.requests.length, seen + 1)
    })

    test('where the request came from is told anew, whatever a stranger claims', async () => {
      await ask(gateway, 'GET /open', {
        Host: 'shop.test:8443',
        'X-Forwarded-For': '10.0.0.1',
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Host': 'evil.test',
        Forwarded: 'for=10.0.0.1',
      })
      assert.deepEqual(told(last(), 'x-forwarded-'), {
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'shop.test:8443',
        'x-forwarded-port': '8443',
      })
      assert.equal(last().header('forwarded'), 'for=127.0.0.1;host="shop.test:8443";proto=http')
      assert.equal(last().header('host'), 'shop.test:8443')
    })
  })

  test('trusted proxies are believed, read from the right, and no further than they vouch for', async () => {
    const gateway = await start('trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]')
    const client = async (forwardedFor: string, more: Record<string, string> = {}) => {
      await ask(gateway, 'GET /open', { 'X-Forwarded-For': forwardedFor, ...more })
      return last().header('x-forwarded-for')
    }
    assert.equal(await client('192.0.2.1'), '192.0.2.1, 127.0.0.1')
    assert.equal(await client('6.6.6.6, 192.0.2.1'), '192.0.2.1, 127.0.0.1')
    assert.equal(await client('6.6.6.6, 192.0.2.1, 10.0.0.9'), '192.0.2.1, 10.0.0.9, 127.0.0.1')
    assert.equal(await client('6.6.6.6, garbage'), '127.0.0.1')
    const told = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'shop.test' }
    assert.equal(await client('2001:db8::1', told), '2001:db8::1, 127.0.0.1')
    assert.equal(last().header('x-forwarded-proto'), 'https')
    assert.equal(last().header('x-forwarded-host'), 'shop.test')
    assert.equal(last().header('x-forwarded-port'), '443')
    assert.equal(last().header('forwarded'), 'for="[2001:db8::1]";host="shop.test";proto=https, for=127.0.0.1')
  })

  const presets: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'oauth2-proxy': {
      'X-Forwarded-User': 'alice-id',
      'X-Forwarded-Email': 'alice@acme.test',
      'X-Forwarded-Preferred-Username': 'alice',
      'X-Forwarded-Groups': 'a,b',
      'X-Auth-Request-User': 'alice-id',
      'X-Auth-Request-Email': 'alice@acme.test',
    },
    'remote-user': {
      'Remote-User': 'alice-id',
      'Remote-Email': 'alice@acme.test',
      'Remote-Groups': 'a,b',
      'Remote-Name': '%C3%85lice %C3%84rden',
    },
    kong: {
      'X-Consumer-ID': 'alice-id',
      'X-Consumer-Custom-ID': 'alice-id',
      'X-Consumer-Username': '%C3%85lice %C3%84rden',
      'X-Credential-Identifier': 'web-app',
      'X-Authenticated-Groups': 'a,b',
    },
  }
  for (const [preset, expected] of Object.entries(presets))
    test(`speaks the words that services for ${preset} know, and no others`, async () => {
      const gateway = await start(`identity: { headers: ${preset} }`)
      assert.equal((await ask(gateway, 'GET /me', issuer.as('alice-id', person))).status, 200)
      for (const [name, value] of Object.entries(expected)) assert.deepEqual(last().all(name), [value], name)
      assert.deepEqual(told(last(), 'x-heimdall'), {})
    })

  test('a map of claims speaks any words, and makes them the gateway alone to say', async () => {
    const gateway = await start(
      'identity: { headers: { subject: X-User, address.country: X-Country, level: X-Level } }',
    )
    const spoofed = { 'X-User': 'root', x_user: 'root', 'X-Country': 'root', 'X-LEVEL': 'root' }
    const part = { address: { country: 'NO' }, level: 3 }
    assert.equal((await ask(gateway, 'GET /me', { ...issuer.as('alice', part), ...spoofed })).status, 200)
    assert.deepEqual([last().all('x-user'), last().all('x-country'), last().all('x-level')], [['alice'], ['NO'], ['3']])
    assert.ok(!last().head.includes('root'))
    await ask(gateway, 'GET /open', spoofed)
    assert.ok(!last().head.includes('root'))
    const response = await ask(gateway, 'GET /me', { ...issuer.as('alice'), ...spoofed })
    assert.equal(response.status, 200)
    assert.equal(last().header('x-country'), undefined)
  })
})
