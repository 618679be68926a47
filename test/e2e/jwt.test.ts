/**
 * Bearer tokens of several issuers.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import { request } from 'undici'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { claimsNow, startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { newSigner, segment, signer, token } from '../support/tokens.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const bearer = (text: string) => ({ Authorization: `Bearer ${text}` })
const seconds = () => Math.floor(Date.now() / 1000)

suite('tokens', () => {
  const keep = keeper()
  const rsa = signer('RS256')
  let upstream: Upstream
  let byUrl: TestIssuer
  let byDiscovery: TestIssuer
  let byFile: TestIssuer
  let gateway: TestGateway

  before(async () => {
    upstream = keep(await startUpstream(fixed(200, 'service')))
    byUrl = keep(await startIssuer({ name: 'https://url.test' }))
    byDiscovery = keep(await startIssuer({ alg: 'EdDSA' }))
    byFile = keep(await startIssuer({ name: 'https://file.test', alg: 'RS256' }))
    byDiscovery.keys.metadata = { issuer: byDiscovery.name, jwks_uri: byDiscovery.keys.url }
    gateway = keep(
      await serve(
        `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
authenticators:
  url: { jwt: { issuer: "https://url.test", jwks_url: "${byUrl.keys.url}", audience: orders-api } }
  discovery: { jwt: { issuer: "${byDiscovery.name}", audience: orders-api, algorithms: [EdDSA] } }
  file: { jwt: { issuer: "https://file.test", jwks_file: keys.json, audience: [orders-api, other], algorithms: [RS256] } }
defaults: { upstream: service }
routes:
  - { path: /any, authenticate: [url, discovery, file] }
  - { path: /url, authenticate: [url], require: { scopes: ["orders:read", "orders:list"] } }
  - { path: /maybe, authenticate: [url], optional: true }
  - { path: /open, public: true }
`,
        { files: { 'keys.json': JSON.stringify({ keys: [byFile.signer.jwk] }) } },
      ),
    )
    await eventually(
      'every issuer is known',
      async () => (await request(`${gateway.probes}/readyz`)).statusCode === 200,
    )
  })

  /** The refusal, and what the client is told to do about it. */
  const refusal = async (text: string, path = '/any') => {
    const response = await ask(gateway, `GET ${path}`, bearer(text))
    return [outcomeOf(response), response.header('www-authenticate')]
  }
  const invalid = ['401 invalid_token', 'Bearer realm="heimdall", error="invalid_token"']
  const live = (part: Record<string, unknown> = {}) => ({ ...claimsNow('https://url.test', 'alice'), ...part })

  test('accepts tokens of every issuer, its keys from a URL, by discovery and from a file', async () => {
    for (const [issuer, name] of [
      [byUrl, 'url'],
      [byDiscovery, 'discovery'],
      [byFile, 'file'],
    ] as const) {
      assert.equal((await ask(gateway, 'GET /any', issuer.as('alice'))).status, 200, name)
      const seen = upstream.requests.at(-1)
      assert.equal(seen?.header('x-heimdall-issuer'), issuer.name)
      assert.equal(seen?.header('x-heimdall-subject'), 'alice')
      assert.equal(seen?.header('x-heimdall-authenticator'), name)
    }
  })

  test('a route accepts the issuers that it names and no other', async () => {
    assert.deepEqual(await refusal(byFile.token('alice'), '/url'), invalid)
  })

  test('asks for a token, naming no fault, when none was sent', async () => {
    const response = await ask(gateway, 'GET /any')
    assert.equal(outcomeOf(response), '401 no_credentials')
    assert.equal(response.header('www-authenticate'), 'Bearer realm="heimdall"')
  })

  test('keys belong to their issuer: one issuer cannot sign for another', async () => {
    assert.deepEqual(await refusal(token(byDiscovery.signer, live())), invalid)
    assert.deepEqual(await refusal(token(byFile.signer, live(), { kid: byUrl.signer.kid })), invalid)
  })

  test('refuses a token whose audience is another service, and accepts one of several', async () => {
    assert.deepEqual(await refusal(token(byUrl.signer, live({ aud: 'billing' }))), invalid)
    assert.deepEqual(await refusal(token(byUrl.signer, live({ aud: undefined }))), invalid)
    assert.equal((await ask(gateway, 'GET /any', byUrl.as('alice', { aud: ['billing', 'orders-api'] }))).status, 200)
    assert.equal((await ask(gateway, 'GET /any', byFile.as('alice', { aud: 'other' }))).status, 200)
  })

  test('refuses a token past its lifetime, of no lifetime, of a too long one, or not yet good', async () => {
    const now = seconds()
    const expired = ['401 token_expired', 'Bearer realm="heimdall", error="invalid_token"']
    assert.deepEqual(await refusal(token(byUrl.signer, live({ iat: now - 400, exp: now - 31 }))), expired)
    assert.deepEqual(await refusal(token(byUrl.signer, live({ exp: undefined }))), invalid)
    assert.deepEqual(await refusal(token(byUrl.signer, live({ exp: now + 25 * 3600 }))), invalid)
    assert.deepEqual(await refusal(token(byUrl.signer, live({ nbf: now + 60 }))), invalid)
    assert.deepEqual(await refusal(token(byUrl.signer, live({ iat: now + 60 }))), invalid)
  })

  test('forgives a clock that is off by less than the skew', async () => {
    const now = seconds()
    for (const part of [{ iat: now - 100, exp: now - 20 }, { nbf: now + 20 }, { iat: now + 20 }])
      assert.equal((await ask(gateway, 'GET /any', byUrl.as('alice', part))).status, 200, JSON.stringify(part))
  })

  test('a token that was good a moment ago is refused once it is past its lifetime', async () => {
    const now = seconds()
    const short = byUrl.token('brief', { iat: now - 100, exp: now - 28 })
    assert.equal((await ask(gateway, 'GET /any', bearer(short))).status, 200)
    await eventually('refused', async () => (await refusal(short))[0] === '401 token_expired')
  })

  test('holds every issuer to its algorithms and every key to its type', async () => {
    const claims = live()
    const jwk = JSON.stringify(byUrl.signer.jwk)
    const forged = (header: Record<string, unknown>, secret: string) => {
      const signed = `${segment(header)}.${segment(claims)}`
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
    }
    const { kid } = byUrl.signer
    assert.deepEqual(await refusal(`${segment({ alg: 'none' })}.${segment(claims)}.`), invalid)
    assert.deepEqual(await refusal(forged({ alg: 'HS256', kid }, jwk)), invalid)
    assert.deepEqual(await refusal(token(byUrl.signer, claims, { alg: 'ES384' })), invalid)
    assert.deepEqual(await refusal(token(rsa, claims, { kid })), invalid)
    const rs512 = { ...byFile.signer, alg: 'RS512' }
    assert.deepEqual(await refusal(token(rs512, claimsNow('https://file.test', 'alice'))), invalid)
  })

  test('refuses tokens that bring their own key or ask for extensions', async () => {
    const own = newSigner('ES256', 'own')
    for (const header of [
      { jwk: own.jwk },
      { jku: 'https://evil.test/jwks' },
      { x5u: 'https://evil.test/x' },
      { x5c: ['MIIB'] },
      { crit: ['exp'], exp: 1 },
      { b64: false, crit: ['b64'] },
    ])
      assert.deepEqual(await refusal(token(byUrl.signer, live(), header)), invalid, JSON.stringify(header))
  })

  test('takes only the types of access tokens', async () => {
    assert.deepEqual(await refusal(token(byUrl.signer, live(), { typ: 'logout+jwt' })), invalid)
    for (const typ of ['JWT', 'at+jwt', 'AT+JWT', undefined])
      assert.equal((await ask(gateway, 'GET /any', bearer(token(byUrl.signer, live(), { typ })))).status, 200, typ)
  })

  test('refuses a token in a second spelling, with a member twice, or changed by one bit', async () => {
    const good = byUrl.token('alice')
    const [head = '', payload = '', signature = ''] = good.split('.')
    assert.deepEqual(await refusal(`${good}=`), invalid)
    assert.deepEqual(await refusal(`${head}.${payload}.${signature}.x`), invalid)
    assert.deepEqual(await refusal(`${head}.${payload}.${signature.slice(0, -2)}`), invalid)
    assert.deepEqual(await refusal(`${head}.${segment(live({ sub: 'bob' }))}.${signature}`), invalid)
    const twice = JSON.stringify(live()).replace('{', '{"sub":"bob",')
    assert.deepEqual(await refusal(token(byUrl.signer, twice)), invalid)
  })

  test('refuses a token above 8 kB unread', async () => {
    assert.deepEqual(await refusal(byUrl.token('alice', { padding: 'x'.repeat(8 * 1024) })), invalid)
  })

  test('a good token does not make up for a scope that it lacks', async () => {
    const response = await ask(gateway, 'GET /url', byUrl.as('alice', { scope: 'orders:list' }))
    assert.equal(outcomeOf(response), '403 insufficient_scope')
    assert.equal(
      response.header('www-authenticate'),
      'Bearer realm="heimdall", error="insufficient_scope", scope="orders:read orders:list"',
    )
    assert.equal((await ask(gateway, 'GET /url', byUrl.as('alice', { scope: 'orders:list orders:read' }))).status, 200)
  })

  test('no token is nobody where that is allowed, a bad one is refused all the same', async () => {
    assert.equal((await ask(gateway, 'GET /maybe')).status, 200)
    assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), undefined)
    assert.equal((await ask(gateway, 'GET /maybe', byUrl.as('alice'))).status, 200)
    assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), 'alice')
    assert.deepEqual(await refusal('garbage', '/maybe'), invalid)
    assert.deepEqual(await refusal(byFile.token('alice'), '/maybe'), invalid)
  })

  test('public routes look at no credential and send no identity', async () => {
    for (const text of [byUrl.token('alice'), 'garbage']) {
      assert.equal((await ask(gateway, 'GET /open', bearer(text))).status, 200)
      assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), undefined)
      assert.equal(upstream.requests.at(-1)?.header('authorization'), undefined)
    }
  })

  test('credentials that are no bearer token of ours are refused, whatever their form', async () => {
    for (const value of [
      'Basic YWxpY2U6eA==',
      'Bearer',
      'Bearer a b',
      'Digest x',
      `Bearer ${byUrl.token('x')}, Bearer y`,
    ])
      assert.equal(outcomeOf(await ask(gateway, 'GET /any', { Authorization: value })), '401 invalid_token', value)
    assert.equal((await ask(gateway, 'GET /any', { Authorization: `bearer ${byUrl.token('alice')}` })).status, 200)
  })

  test('a token in the query or in a body is none', async () => {
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const text = byUrl.token('alice')
    assert.equal(outcomeOf(await ask(gateway, `GET /any?access_token=${text}`)), '401 no_credentials')
    assert.equal(outcomeOf(await ask(gateway, 'POST /any', form, `access_token=${text}`)), '401 no_credentials')
  })
})

suite('issuer keys', { concurrency: 3 }, () => {
  const keep = keeper()
  let upstream: Upstream

  before(async () => {
    upstream = keep(await startUpstream(fixed(200, 'service')))
  })

  const start = async (issuer: TestIssuer, options = 'cooldown: 1s') =>
    keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
authenticators:
  id: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api, ${options} } }
defaults: { upstream: service, authenticate: [id] }
routes:
  - { path: /me }
  - { path: /open, public: true }
`),
    )
  const me = async (gateway: TestGateway, headers: Record<string, string>) =>
    outcomeOf(await ask(gateway, 'GET /me', headers))
  const ready = async (gateway: TestGateway) => {
    const { statusCode, body } = await request(`${gateway.probes}/readyz`)
    const { components } = (await body.json()) as { components: Record<string, { status: string }> }
    return [statusCode, components['keys']?.status]
  }

  test('follows a rotation by itself, and keeps what the old key signed only as long as the key is published', async () => {
    const issuer = keep(await startIssuer())
    const gateway = await start(issuer)
    const old = issuer.as('alice')
    await eventually('keys', async () => (await me(gateway, old)) === '200')

    const [before, next] = [issuer.signer, newSigner('ES256', 'next')]
    issuer.keys.keys = [before.jwk, next.jwk]
    issuer.signer = next
    await eventually('the new key', async () => (await me(gateway, issuer.as('alice'))) === '200')
    assert.equal(await me(gateway, old), '200')

    const last = newSigner('ES256', 'last')
    issuer.keys.keys = [last.jwk]
    issuer.signer = last
    await eventually('the last key', async () => (await me(gateway, issuer.as('alice'))) === '200')
    assert.equal(await me(gateway, old), '401 invalid_token')
  })

  test('notices by itself that a key was withdrawn, also when nobody brings a new one', async () => {
    const issuer = keep(await startIssuer())
    const gateway = await start(issuer, 'cooldown: 1s, refresh: 1s')
    const token = issuer.as('alice')
    await eventually('keys', async () => (await me(gateway, token)) === '200')
    issuer.keys.keys = [newSigner('ES256', 'other').jwk]
    await eventually('refused', async () => (await me(gateway, token)) === '401 invalid_token')
  })

  test('reads a file of keys again when it changes', async () => {
    const issuer = keep(await startIssuer())
    const next = newSigner('ES256', 'next')
    const gateway = keep(
      await serve(
        `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
authenticators: { id: { jwt: { issuer: "${issuer.name}", jwks_file: keys.json, audience: orders-api } } }
routes: [{ path: /me, upstream: service, authenticate: [id] }]
`,
        { files: { 'keys.json': JSON.stringify({ keys: [issuer.signer.jwk] }) } },
      ),
    )
    const old = issuer.as('alice')
    await eventually('keys', async () => (await me(gateway, old)) === '200')
    writeFileSync(join(gateway.folder, 'keys.json'), JSON.stringify({ keys: [next.jwk] }))
    issuer.signer = next
    await eventually('the new key', async () => (await me(gateway, issuer.as('alice'))) === '200')
    assert.equal(await me(gateway, old), '401 invalid_token')
  })

  test('asks the issuer once for many requests at a time, and at most once per cooldown for unknown keys', async () => {
    const issuer = keep(await startIssuer())
    const gateway = await start(issuer, 'cooldown: 1h')
    await eventually('keys', async () => (await me(gateway, issuer.as('alice'))) === '200')
    const strangers = Array.from({ length: 30 }, (_, index) => {
      const stranger = { ...issuer.signer, kid: `unknown-${index}` }
      return me(gateway, { Authorization: `Bearer ${token(stranger, claimsNow(issuer.name, 'mallory'))}` })
    })
    assert.deepEqual([...new Set(await Promise.all(strangers))], ['401 invalid_token'])
    assert.equal(issuer.keys.count.jwks, 1)
  })

  test('an issuer that is down at the start is 503 and unready, never 401; it heals without a restart', async () => {
    const issuer = keep(await startIssuer())
    issuer.keys.mode = 'status'
    const gateway = await start(issuer)
    const response = await ask(gateway, 'GET /me', issuer.as('alice'))
    assert.equal(outcomeOf(response), '503 keys_unavailable')
    assert.equal(response.header('retry-after'), '5')
    assert.equal(response.header('www-authenticate'), undefined)
    assert.deepEqual(await ready(gateway), [503, 'down'])
    assert.equal((await request(`${gateway.probes}/livez`)).statusCode, 200)
    assert.equal((await ask(gateway, 'GET /open')).status, 200)
    assert.equal(await me(gateway, {}), '401 no_credentials')

    issuer.keys.mode = 'ok'
    await eventually('ready', async () => (await ready(gateway))[0] === 200)
    assert.equal(await me(gateway, issuer.as('alice')), '200')
  })

  test('keeps the last good keys while issuers are silent, too big, garbled, elsewhere or cut off', async () => {
    const modes = ['silent', 'huge', 'garbage', 'redirect', 'truncated'] as const
    const issuers = await Promise.all(modes.map(async () => keep(await startIssuer())))
    const authenticators = issuers.map(
      ({ name, keys }, index) =>
        `  ${modes[index]}: { jwt: { issuer: "${name}", jwks_url: "${keys.url}", audience: orders-api, cooldown: 1s, refresh: 1s } }`,
    )
    const gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
authenticators:
${authenticators.join('\n')}
routes: [{ path: /me, upstream: service, authenticate: [${modes.join(', ')}] }]
`),
    )
    await eventually('keys', async () => (await ready(gateway))[1] === 'up')
    for (const [index, mode] of modes.entries()) Object.assign(issuers[index]?.keys ?? {}, { mode })
    await eventually('every failure is told', async () => {
      const { body } = await request(`${gateway.probes}/readyz`)
      const { components } = (await body.json()) as { components: { keys: Record<string, string> } }
      return modes.every((mode) => components.keys[mode] !== 'current')
    })
    for (const issuer of issuers) assert.equal(await me(gateway, issuer.as('alice')), '200')
    assert.deepEqual(await ready(gateway), [200, 'degraded'])
  })

  test('gives the last good keys up at their bound', async () => {
    const issuer = keep(await startIssuer())
    const gateway = await start(issuer, 'cooldown: 1s, refresh: 1s, max_stale: 2s')
    await eventually('keys', async () => (await me(gateway, issuer.as('alice'))) === '200')
    issuer.keys.mode = 'reset'
    const known = issuer.as('alice')
    await eventually('given up', async () => (await me(gateway, known)) === '503 keys_unavailable')
    assert.deepEqual(await ready(gateway), [503, 'down'])
  })

  test('a weak key is as good as none', async () => {
    const issuer = keep(await startIssuer({ alg: 'RS256' }))
    const { n, ...rest } = issuer.signer.jwk
    issuer.keys.keys = [{ ...rest, n: String(n).slice(0, 170) }]
    const gateway = await start(issuer)
    await eventually('refused', async () =>
      /heimdall_keyset_keys_refused_total\{[^}]*\} [1-9]/.test(await gateway.metrics()),
    )
    assert.equal(await me(gateway, issuer.as('alice')), '503 keys_unavailable')
  })
})
