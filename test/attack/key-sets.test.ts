/**
 * Issuers' keys under attack: floods in every state of the endpoint (J15), reloads in the middle of a fetch (J16),
 * weak keys (J17), and metadata that sends the gateway elsewhere (J18).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createHash, createSecretKey, generateKeyPairSync, randomUUID } from 'node:crypto'
import { before, suite, test } from 'node:test'
import { request } from 'undici'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { claimsNow, startIssuer, type TestIssuer } from '../support/issuer.ts'
import type { Mode } from '../support/jwks-server.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import { newSigner, segment, signer, token, type Signer } from '../support/tokens.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/** How an endpoint may answer; `empty` is a set without keys, and last comes the one that is well. */
const states = ['status', 'silent', 'drip', 'huge', 'redirect', 'garbage', 'truncated', 'reset', 'empty', 'ok'] as const
type State = (typeof states)[number]

function turn({ keys }: TestIssuer, state: State): void {
  if (state === 'empty') keys.keys = []
  else keys.mode = state satisfies Mode
}

/** A token under a name that no key has. */
function stranger({ name, signer: by }: TestIssuer): string {
  return token(by, claimsNow(name, 'mallory'), { kid: `unknown-${randomUUID()}` })
}

suite(
  'J15 mobula#28 tilegroxy#883 fastapi-zitadel-auth#156: a flood of unknown key names',
  { concurrency: true },
  () => {
    const keep = keeper()
    let upstream: Upstream

    before(async () => {
      upstream = keep(await startUpstream(fixed(200, 'service')))
    })

    /** A gateway with one issuer and one route of each state. */
    const start = async (options: string, prepare: (issuer: TestIssuer, state: State) => void = () => {}) => {
      const issuers = new Map<State, TestIssuer>()
      for (const state of states) {
        const issuer = keep(await startIssuer())
        prepare(issuer, state)
        issuers.set(state, issuer)
      }
      const lines = [...issuers].map(
        ([state, { name, keys }]) =>
          `  ${state}: { jwt: { issuer: "${name}", jwks_url: "${keys.url}", audience: orders-api, ${options} } }`,
      )
      const gateway = keep(
        await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
bad_credentials: off
upstreams: { service: "${upstream.url}" }
authenticators:
${lines.join('\n')}
routes:
${states.map((state) => `  - { path: /${state}, upstream: service, authenticate: [${state}] }`).join('\n')}
`),
      )
      return { gateway, issuers }
    }
    const present = async (gateway: TestGateway, state: State, text: string) =>
      outcomeOf(await ask(gateway, `GET /${state}`, { Authorization: `Bearer ${text}` }))

    test('is one fetch in every state of an endpoint that was broken from the start, and nobody waits beyond the deadline', async () => {
      const { gateway, issuers } = await start('cooldown: 1h', turn)
      const flood = async ([state, issuer]: [State, TestIssuer]) => {
        const began = performance.now()
        const crowd = Array.from({ length: 40 }, () => present(gateway, state, stranger(issuer)))
        const outcomes = await Promise.all(crowd)
        const waited = performance.now() - began
        for (let turn = 0; turn < 20; turn += 1) outcomes.push(await present(gateway, state, stranger(issuer)))
        const expected = state === 'ok' ? '401 invalid_token' : '503 keys_unavailable'
        assert.deepEqual([...new Set(outcomes)], [expected], state)
        assert.deepEqual(issuer.keys.count, { jwks: 1, metadata: 0, other: 0 }, state)
        assert.ok(waited < 4500, `${state}: ${waited} ms`)
      }
      await Promise.all([...issuers].map(flood))
      assert.equal(gateway.errors(), '')
    })

    test('is one fetch per cooldown in every state of an endpoint that breaks later, and the last good keys go on', async () => {
      const { gateway, issuers } = await start('cooldown: 1s, refresh: 1s')
      await eventually('ready', async () => (await request(`${gateway.probes}/readyz`)).statusCode === 200)
      const began = performance.now()
      const flood = async ([state, issuer]: [State, TestIssuer]) => {
        turn(issuer, state)
        const from = issuer.keys.count.jwks
        while (performance.now() - began < 2500) {
          const both = [present(gateway, state, stranger(issuer)), present(gateway, state, issuer.token('alice'))]
          assert.deepEqual(await Promise.all(both), ['401 invalid_token', '200'], state)
        }
        const most = 1 + Math.ceil((performance.now() - began) / 1000)
        assert.ok(issuer.keys.count.jwks - from <= most, `${state}: ${issuer.keys.count.jwks - from} fetches`)
        assert.equal(issuer.keys.count.other, 0)
      }
      await Promise.all([...issuers].map(flood))

      for (const issuer of issuers.values()) {
        issuer.signer = newSigner('ES256', 'rotated')
        Object.assign(issuer.keys, { mode: 'ok', keys: [issuer.signer.jwk] })
      }
      const rotated = async ([state, issuer]: [State, TestIssuer]) =>
        eventually(
          `the new key of ${state}`,
          async () => (await present(gateway, state, issuer.token('alice'))) === '200',
        )
      await Promise.all([...issuers].map(rotated))
      assert.equal(gateway.errors(), '')
    })
  },
)

suite('keys', { concurrency: true }, () => {
  const keep = keeper()
  let upstream: Upstream

  before(async () => {
    upstream = keep(await startUpstream(fixed(200, 'service')))
  })

  const yaml = (authenticators: string) => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
bad_credentials: off
upstreams: { service: "${upstream.url}" }
authenticators:
${authenticators}
routes:
  - { path: /a, upstream: service, authenticate: [a] }
  - { path: /b, upstream: service, authenticate: [b] }
`
  const outcome = async (gateway: TestGateway, line: string, text: string) =>
    outcomeOf(await ask(gateway, line, { Authorization: `Bearer ${text}` }))

  test('J16 CVE-2025-64527 CVE-2024-45809: reloads while two issuers are being asked end no process and no other request', async () => {
    const [slow, hung] = [keep(await startIssuer()), keep(await startIssuer())]
    slow.keys.mode = 'drip'
    hung.keys.mode = 'silent'
    const version = (turn: number) =>
      yaml(`  a: { jwt: { issuer: "${slow.name}", jwks_url: "${slow.keys.url}", audience: orders-api, cooldown: ${60 + turn}s } }
  b: { jwt: { issuer: "${hung.name}", jwks_url: "${hung.keys.url}", audience: orders-api, cooldown: ${90 + turn}s } }`)
    const gateway = keep(await serve(version(0)))
    const applied = () => gateway.lines.filter(({ msg }) => msg === 'configuration applied').length
    const waiting: Promise<string>[] = []
    for (let turn = 1; turn <= 6; turn += 1) {
      waiting.push(outcome(gateway, 'GET /a', slow.token('alice')), outcome(gateway, 'GET /b', hung.token('alice')))
      gateway.rewrite(version(turn))
      gateway.child.kill('SIGHUP')
      await eventually('the reload', () => applied() >= turn)
    }
    assert.deepEqual([...new Set(await Promise.all(waiting))], ['503 keys_unavailable'])

    for (const issuer of [slow, hung]) issuer.keys.mode = 'ok'
    gateway.rewrite(version(100))
    for (const [line, issuer] of [
      ['GET /a', slow],
      ['GET /b', hung],
    ] as const)
      await eventually('the keys', async () => (await outcome(gateway, line, issuer.token('alice'))) === '200')
    assert.equal(gateway.errors(), '')
    assert.equal(gateway.child.exitCode, null)
  })

  test('J17 CVE-2017-15361: weak, misused and ambiguous keys verify nothing, and a metric says why', async () => {
    const good = keep(await startIssuer({ alg: 'RS256' }))
    const { n = '', ...strong } = signer('RS256').jwk as Record<string, string>
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const secret = createSecretKey(Buffer.alloc(32, 'k'))
    const named = (kid: string, alg = 'RS256') => newSigner(alg, kid)
    const [encryption, wrapping, twice, again, published] = [
      named('enc'),
      named('wrap'),
      named('twice', 'ES256'),
      named('twice', 'ES256'),
      named('published', 'ES256'),
    ]
    const keys: Record<string, unknown>[] = [
      { ...small.publicKey.export({ format: 'jwk' }), kid: 'small' },
      { ...strong, n, kid: 'one', e: 'AQ' },
      { ...strong, n, kid: 'even', e: 'AQAC' },
      { kty: 'oct', kid: 'oct', k: Buffer.alloc(32, 'k').toString('base64url'), alg: 'HS256' },
      { ...encryption.jwk, use: 'enc' },
      { ...wrapping.jwk, use: undefined, key_ops: ['wrapKey'] },
      twice.jwk,
      again.jwk,
      published.key.export({ format: 'jwk' }),
      { ...named('rsa-oaep').jwk, alg: 'RSA-OAEP' },
    ]
    keys[8] = { ...keys[8], kid: 'published' }
    good.keys.keys = [good.signer.jwk, ...keys]
    const other = keep(await startIssuer())
    const gateway = keep(
      await serve(
        yaml(`  a: { jwt: { issuer: "${good.name}", jwks_url: "${good.keys.url}", audience: orders-api, cooldown: 1h } }
  b: { jwt: { issuer: "${other.name}", jwks_url: "${other.keys.url}", audience: orders-api } }`),
      ),
    )
    await eventually('the good key', async () => (await outcome(gateway, 'GET /a', good.token('alice'))) === '200')

    const claims = claimsNow(good.name, 'root')
    const by = (one: Signer) => token(one, claims)
    const forged = {
      small: by({ alg: 'RS256', kid: 'small', key: small.privateKey, jwk: {} }),
      'exponent 1': selfSigned(claims, 'one', Buffer.from(n, 'base64url').length),
      symmetric: by({ alg: 'HS256', kid: 'oct', key: secret, jwk: {} }),
      encryption: by(encryption),
      wrapping: by(wrapping),
      'one of two of a name': by(twice),
      'the other of two': by(again),
      published: by(published),
    }
    for (const [what, text] of Object.entries(forged))
      assert.equal(await outcome(gateway, 'GET /a', text), '401 invalid_token', what)

    const metrics = await gateway.metrics()
    const reasons = {
      rsa_size: 1,
      rsa_exponent: 2,
      symmetric: 1,
      use: 1,
      key_ops: 1,
      kid_duplicate: 2,
      private: 1,
      alg: 1,
    }
    for (const [reason, count] of Object.entries(reasons))
      assert.equal(sample(metrics, 'heimdall_keyset_keys_refused_total', { authenticator: 'a', reason }), count, reason)
    assert.equal(sample(metrics, 'heimdall_keyset_keys', { authenticator: 'a' }), 1)
  })

  test('J18: metadata sends the gateway neither to clouds nor to files', async () => {
    const lured = [keep(await startIssuer()), keep(await startIssuer())]
    const uris = ['http://169.254.169.254/latest/meta-data', 'file:///etc/passwd']
    for (const [index, { name, keys }] of lured.entries()) keys.metadata = { issuer: name, jwks_uri: uris[index] }
    const [one, two] = lured.map(({ name }) => `{ jwt: { issuer: "${name}", audience: orders-api, cooldown: 1s } }`)
    const gateway = keep(await serve(yaml(`  a: ${one}\n  b: ${two}`)))
    for (const [index, issuer] of lured.entries()) {
      const authenticator = ['a', 'b'][index] ?? ''
      const refused = { authenticator, outcome: 'url_refused' }
      const count = async () => sample(await gateway.metrics(), 'heimdall_keyset_fetches_total', refused)
      await eventually('the refusal', async () => (await count()) > 0)
      assert.equal(await outcome(gateway, `GET /${authenticator}`, issuer.token('alice')), '503 keys_unavailable')
      issuer.keys.metadata = { issuer: issuer.name, jwks_uri: issuer.keys.url }
      const accepted = async () => (await outcome(gateway, `GET /${authenticator}`, issuer.token('alice'))) === '200'
      await eventually('its own keys', accepted)
    }
  })
})

/** A token that verifies with e = 1, where a signature is the padded message itself (RFC 8017 §8.2.2). */
function selfSigned(claims: Record<string, unknown>, kid: string, size: number): string {
  const signed = `${segment({ alg: 'RS256', kid })}.${segment(claims)}`
  const sha256 = Buffer.from('3031300d060960864801650304020105000420', 'hex')
  const info = Buffer.concat([sha256, createHash('sha256').update(signed).digest()])
  const padding = Buffer.alloc(size - info.length - 3, 0xff)
  const message = Buffer.concat([Buffer.from([0, 1]), padding, Buffer.from([0]), info])
  return `${signed}.${message.toString('base64url')}`
}
