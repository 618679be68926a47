/**
 * Forged tokens, J1 to J14, J19 and J21: cold, right after the genuine one was accepted, at the same moment with it,
 * and at a gateway that has the genuine one's grants from Redis.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { cacheKey } from '#cache/key.ts'

import { ask, outcomeOf } from '../support/ask.ts'
import { fixed } from '../support/answers.ts'
import { forgeries } from '../support/forgeries.ts'
import { signatureTwin, type Genuine } from '../support/forging.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { claimsNow, startIssuer, type TestIssuer } from '../support/issuer.ts'
import { startJwksServer, type JwksServer } from '../support/jwks-server.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import type { RawResponse } from '../support/raw-client.ts'
import { noRedis } from '../support/redis.ts'
import { sample } from '../support/samples.ts'
import { newSigner, token, type Signer } from '../support/tokens.ts'
import { answersFrom, inRedis, startPair, type GatewayPair } from '../support/gateway-pair.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/** Names that crashed or confused others (C10); they go with every request of the suite. */
const NOISE = [
  ['__proto__', 'x'],
  ['constructor', 'x'],
  ['hasOwnProperty', 'x'],
] as const

const open = ({ jwk }: Signer) => ({ ...jwk, alg: undefined, use: undefined })
const first = newSigner('ES256', 'first')
const rsa = newSigner('RS256', 'rsa')

/** The keys name no algorithm: what may be done with them is for the gateway to know. */
function publish(issuer: TestIssuer): void {
  issuer.signer = first
  issuer.keys.keys = [first, rsa].map(open)
}

suite('forged tokens', () => {
  const keep = keeper()
  const refusals: RawResponse[] = []
  let upstream: Upstream
  let issuer: TestIssuer
  let evil: JwksServer
  let gateway: TestGateway
  let made = 0

  before(async () => {
    upstream = keep(await startUpstream(fixed(200, 'service')))
    evil = keep(await startJwksServer())
    issuer = keep(await startIssuer())
    publish(issuer)
    const keys = `issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", cooldown: 1h`
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
bad_credentials: off
upstreams: { service: "${upstream.url}" }
authenticators:
  acme: { jwt: { ${keys}, audience: orders-api } }
  strict: { jwt: { ${keys}, audience: orders-api, types: [at+jwt] } }
defaults: { upstream: service, authenticate: [acme] }
routes:
  - { path: /me }
  - { path: /maybe, optional: true }
  - { path: /strict, authenticate: [strict] }
  - { path: /few, limits: [{ allow: 2/h, by: subject }] }
`),
    )
  })

  const present = async (text: string, line = 'GET /me') => {
    const response = await ask(gateway, line, [...NOISE, ['Authorization', `Bearer ${text}`]])
    if (response.status !== 200) refusals.push(response)
    return outcomeOf(response)
  }

  /** A token that no gateway has seen. */
  const genuine = (): Genuine => {
    const claims = { ...claimsNow(issuer.name, `alice-${(made += 1)}`) }
    return { text: token(first, claims), claims, signer: first, rsa, evil: evil.origin }
  }

  const accepted = async ({ text, claims }: Genuine) => {
    assert.equal(await present(text), '200')
    assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), claims['sub'])
  }

  const refused = async (texts: readonly string[], expected: string, lines = ['GET /me', 'GET /maybe']) => {
    const seen = upstream.requests.length
    for (const text of texts)
      for (const line of lines) assert.equal(await present(text, line), expected, text.slice(0, 200))
    assert.equal(upstream.requests.length, seen, 'the service was reached')
  }

  suite('cold', () => {
    for (const { row, what, forge, refusal } of forgeries)
      test(`${row}: ${what}`, () => refused([forge(genuine())].flat(), refusal))
  })

  suite('right after the genuine token was accepted, twice', () => {
    for (const { row, what, forge, refusal } of forgeries)
      test(`${row}: ${what}`, async () => {
        const good = genuine()
        await accepted(good)
        await accepted(good)
        await refused([forge(good)].flat(), refusal, ['GET /me'])
        await accepted(good)
      })
  })

  suite('at the same moment with the genuine token', () => {
    for (const { row, what, forge, refusal } of forgeries)
      test(`${row}: ${what}`, async () => {
        const good = genuine()
        const seen = upstream.requests.length
        const forged = [forge(good)].flat().slice(0, 8)
        const outcomes = await Promise.all([good.text, ...forged, good.text].map((text) => present(text)))
        assert.deepEqual(outcomes, ['200', ...forged.map(() => refusal), '200'])
        const subjects = upstream.requests.slice(seen).map((request) => request.header('x-heimdall-subject'))
        assert.deepEqual(subjects, [good.claims['sub'], good.claims['sub']])
      })
  })

  test('J7: the skew forgives its thirty seconds on both sides, and no more', async () => {
    const now = Math.floor(Date.now() / 1000)
    const signed = (part: Record<string, unknown>) => token(first, { ...claimsNow(issuer.name, 'edge'), ...part })
    for (const part of [{ iat: now - 60, exp: now - 25 }, { nbf: now + 25 }, { iat: now + 25 }])
      assert.equal(await present(signed(part)), '200', JSON.stringify(part))
    await refused([signed({ iat: now - 60, exp: now - 31 })], '401 token_expired')
    await refused([signed({ nbf: now + 36 }), signed({ iat: now + 36 })], '401 invalid_token')
  })

  test('J8 GHSA-m732-5p4w-x69g: an ID token is no access token where only access tokens count, typ or no typ', async () => {
    const signed = (typ: string | undefined) => token(first, claimsNow(issuer.name, 'alice'), { typ })
    assert.equal(await present(signed('at+jwt'), 'GET /strict'), '200')
    assert.equal(await present(signed('application/at+jwt'), 'GET /strict'), '200')
    await refused([signed('JWT'), signed(undefined), signed('')], '401 invalid_token', ['GET /strict'])
  })

  test('J14: the twin of an ECDSA signature is the same person with the same limits, however often it is twisted', async () => {
    const good = genuine()
    const twin = signatureTwin(good)
    assert.notEqual(twin, good.text)
    assert.equal(await present(good.text, 'GET /few'), '200')
    assert.equal(await present(twin, 'GET /few'), '200')
    for (const text of [good.text, twin, signatureTwin({ ...good, text: twin })])
      assert.equal(await present(text, 'GET /few'), '429 rate_limited')
    assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), good.claims['sub'])
  })

  test('J19: a hundred tokens that differ in little are a hundred people, in any order', async () => {
    const base = claimsNow(issuer.name, '')
    const people = Array.from({ length: 100 }, (_, index) => `person-${String(index).padStart(3, '0')}`)
    const tokens = people.map((sub) => token(first, { ...base, sub }))
    const named = async (index: number) => {
      assert.equal(await present(tokens[index] ?? ''), '200')
      assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), people[index])
    }
    for (const index of tokens.keys()) await named(index)
    for (const index of [...tokens.keys()].toReversed()) await named(index)
  })

  test('J3 J15: nothing of it made the gateway ask anybody for keys', () => {
    assert.deepEqual(evil.count, { jwks: 0, metadata: 0, other: 0 })
    assert.deepEqual(issuer.keys.count, { jwks: 1, metadata: 0, other: 0 })
  })

  test('J21 CVE-2022-29266: a refusal tells its code and nothing else, whatever was wrong', () => {
    const told = refusals.map(({ text }) => text.replace(/"request_id":"[0-9A-Za-z._-]+"/, '"request_id":""'))
    const codes = new Set(refusals.map(outcomeOf))
    assert.equal(new Set(told).size, codes.size)
    for (const response of refusals) {
      assert.equal(response.header('cache-control'), 'no-store')
      if (response.status === 401)
        assert.equal(response.header('www-authenticate'), 'Bearer realm="heimdall", error="invalid_token"')
    }
  })

  test('J4 J21: neither log, metrics nor errors repeat a token, a kid or what a library said', async () => {
    await gateway.line(({ outcome }) => outcome === 'rate_limited')
    for (const text of [JSON.stringify(gateway.lines), await gateway.metrics(), gateway.errors()]) {
      assert.doesNotMatch(text, /eyJ|kid-marker|dev\/null|UNION|ERR_|JWS|JOSE|BEGIN PUBLIC/)
    }
  })

  test('C10: the process lived through all of it without an error', async () => {
    assert.equal(gateway.errors(), '')
    assert.deepEqual(
      gateway.lines.filter(({ level }) => level === 'error'),
      [],
    )
    assert.equal(sample(await gateway.metrics(), 'heimdall_requests_total', { outcome: 'internal_error' }), 0)
    await eventually(
      'nothing in flight',
      async () => sample(await gateway.metrics(), 'heimdall_requests_in_flight') === 0,
    )
  })
})

suite(
  'forged tokens at a gateway that has the grants of the genuine one from Redis',
  { skip: noPostgres || noRedis },
  () => {
    const keep = keeper()
    let pair: GatewayPair
    let made = 0

    before(async () => {
      pair = await startPair(keep, { file: 'routes: [{ path: /me }]', publish })
    })

    for (const { row, what, forge, refusal } of forgeries)
      test(`${row}: ${what}`, async () => {
        const { issuer, upstream } = pair
        const claims = { ...claimsNow(issuer.name, `bob-${(made += 1)}`) }
        const good: Genuine = { text: token(first, claims), claims, signer: first, rsa, evil: issuer.keys.origin }
        const present = async (text: string, at: TestGateway) =>
          outcomeOf(await ask(at, 'GET /me', [...NOISE, ['Authorization', `Bearer ${text}`]]))

        assert.equal(await present(good.text, pair.first), '200')
        await inRedis(pair, 'grants', cacheKey('grants', issuer.name, String(claims['sub'])))
        assert.equal(await present(good.text, pair.second), '200')
        const seen = upstream.requests.length
        for (const text of [forge(good)].flat()) assert.equal(await present(text, pair.second), refusal)
        assert.equal(upstream.requests.length, seen)
        assert.equal(await present(good.text, pair.second), '200')
        assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), claims['sub'])
      })

    test('the second gateway had each of them from Redis, never from Postgres', async () => {
      assert.equal(await answersFrom(pair.second, 'grants', 'l2'), forgeries.length)
      assert.equal(await answersFrom(pair.second, 'grants', 'source'), 0)
      assert.equal(pair.second.errors(), '')
    })
  },
)
