import assert from 'node:assert/strict'
import { createSecretKey, hash } from 'node:crypto'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import * as fc from 'fast-check'
import { SignJWT } from 'jose'

import type { Scheme } from '#authn/scheme.ts'
import { unhindered, type Asker } from '#request/asker.ts'
import type { Principal } from '#request/principal.ts'
import { deny, skip, type Attempt } from '#request/verdict.ts'

import { authnBench, evidence, outcomeOf, present, type AuthnBench } from '../../support/authn.ts'
import { incoming } from '../../support/incoming.ts'
import { startJwksServer, type JwksServer } from '../../support/jwks-server.ts'
import {
  AUDIENCE,
  claims,
  ISSUER,
  newSigner,
  NOW,
  segment,
  signBytes,
  signer,
  token,
  type Signer,
} from '../../support/tokens.ts'

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
const rs256 = signer('RS256')
const es256 = signer('ES256')

let server: JwksServer
let bench: AuthnBench
let acme: Scheme

const options = (part: Record<string, unknown> = {}) => ({
  jwt: { issuer: ISSUER, audience: AUDIENCE, jwks_url: server.url, ...part },
})

before(async () => {
  server = await startJwksServer(algorithms.map((algorithm) => signer(algorithm).jwk))
})
after(() => server.close())

beforeEach(async () => {
  server.mode = 'ok'
  server.keys = algorithms.map((algorithm) => signer(algorithm).jwk)
  bench = authnBench()
  acme = bench.scheme('acme', options())
  await present(acme, token(rs256, claims({ jti: 'warm-up' })))
})

afterEach(() => bench.keySets.close())

/** What a token comes to, and that it was decided without waiting. */
function decide(text: string, scheme = acme): Attempt<Principal> {
  const attempt = present(scheme, text)
  assert.ok(!(attempt instanceof Promise))
  return attempt
}
const outcome = (text: string, scheme = acme) => outcomeOf(decide(text, scheme))

suite('a JWT scheme', () => {
  for (const algorithm of algorithms)
    test(`accepts ${algorithm}`, () => assert.equal(outcome(token(signer(algorithm), claims())), 'pass'))

  test('accepts what jose signs', async () => {
    const text = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'ES256', kid: 'ES256', typ: 'at+jwt' })
      .sign(es256.key)
    assert.equal(outcome(text), 'pass')
  })

  test('says who, by whom, and how it knew', () => {
    const noted = evidence()
    const text = token(es256, claims({ roles: ['admin'] }))
    const cold = present(acme, text, noted)
    assert.ok(!(cold instanceof Promise) && cold.kind === 'pass')
    assert.equal(cold.value.subject, 'alice')
    assert.deepEqual([noted.authenticator, noted.cache, noted.cache_age], ['acme', 'source', 0])

    const again = decide(text)
    assert.deepEqual(again, cold)
    for (const leap of [-20_000, 20_000]) {
      bench.now += leap
      const warm = present(acme, text, noted)
      assert.equal(
        !(warm instanceof Promise) && warm.kind === 'pass' && warm.value,
        again.kind === 'pass' && again.value,
      )
      assert.deepEqual([noted.authenticator, noted.cache], ['acme', 'l1'])
      const age = noted.cache_age ?? NaN
      assert.ok(age > 0 && age < 5000, `${age}: an age does not leap with the wall clock`)
    }
  })

  test('adds the permissions of roles from the file', () => {
    const scheme = bench.scheme('acme', options(), { admin: ['orders:*'] })
    const attempt = decide(token(es256, claims({ roles: ['admin'], permissions: ['x'] })), scheme)
    assert.deepEqual(attempt.kind === 'pass' && attempt.value.permissions, ['orders:*', 'x'])
  })

  test('skips what is not for it', () => {
    const other = token(es256, claims({ iss: 'https://other.test' }))
    const [header, payload] = other.split('.')
    for (const text of ['hs_opaque', '', 'a.b', 'a.b.c', 'a.b.c.d.e', other, `${header}.${payload}=.x`, '...'])
      assert.equal(decide(text), skip, text)
    for (const headers of [[], ['Authorization', 'Basic YTpi'], ['Authorization', 'Bearer'], ['X-Token', 'x']])
      assert.equal(acme.attempt(incoming({ headers }), evidence(), 'deny', unhindered), skip)
  })

  test('is addressed by any Authorization header, and by nothing else', () => {
    assert.ok(acme.addressed(incoming({ headers: ['Authorization', ''] })))
    assert.ok(acme.addressed(incoming({ headers: ['authorization', 'Basic x'] })))
    assert.ok(!acme.addressed(incoming({ headers: ['X-Authorization', 'Bearer x'] })))
  })

  test('knows Bearer in any case', () => {
    const attempt = acme.attempt(
      incoming({ headers: ['Authorization', `bEARER ${token(es256, claims())}`] }),
      evidence(),
      'deny',
      unhindered,
    )
    assert.ok(!(attempt instanceof Promise))
    assert.equal(attempt.kind, 'pass')
  })

  test('compares the issuer exactly, as a text (CVE-2025-30144)', () => {
    for (const iss of [[ISSUER], `${ISSUER}/`, ISSUER.toUpperCase(), { toString: 1 }, null, undefined])
      assert.equal(outcome(token(es256, claims({ iss }))), 'skip', JSON.stringify(iss))
  })

  test('accepts one of several audiences', () => {
    const scheme = bench.scheme('acme', options({ audience: ['a', AUDIENCE] }))
    assert.equal(outcome(token(es256, claims({ aud: ['x', 'a'] })), scheme), 'pass')
    assert.equal(outcome(token(es256, claims({ aud: 'x' })), scheme), 'invalid_token')
  })
})

suite('times', () => {
  test('are asked again on every hit, to the end of the skew', () => {
    const text = token(es256, claims())
    assert.equal(outcome(text), 'pass')
    bench.now = NOW + 300_000 + 29_999
    assert.equal(outcome(text), 'pass')
    bench.now += 1
    assert.equal(outcome(text), 'token_expired')
    assert.equal(outcome(text), 'token_expired')
  })

  test('hold when the clock jumps back', () => {
    const text = token(es256, claims({ nbf: NOW / 1000 }))
    assert.equal(outcome(text), 'pass')
    bench.now = NOW - 30_001
    assert.equal(outcome(text), 'invalid_token')
    bench.now = NOW
    assert.equal(outcome(text), 'pass')
  })

  test('are read before the signature, so that what is past anyway costs no check', () => {
    const never: Asker = { client: undefined, refuseWork: () => deny('too_many_failures', 'no leave') }
    const decided = (part: Record<string, unknown>) =>
      acme.attempt(
        incoming({ headers: ['Authorization', `Bearer ${token(es256, claims(part))}`] }),
        evidence(),
        'deny',
        never,
      )
    const codes = [{ exp: NOW / 1000 - 60 }, { aud: 'another' }, { nbf: NOW / 1000 + 60 }, {}].map((part) => {
      const attempt = decided(part)
      return attempt instanceof Promise || attempt.kind !== 'deny' ? 'no refusal' : attempt.code
    })
    assert.deepEqual(codes, ['token_expired', 'invalid_token', 'invalid_token', 'too_many_failures'])
  })

  test('follow the options', () => {
    const strict = bench.scheme('acme', options({ clock_skew: '0ms', max_lifetime: '5m' }))
    assert.equal(outcome(token(es256, claims()), strict), 'pass')
    assert.equal(outcome(token(es256, claims({ exp: NOW / 1000 + 301 })), strict), 'invalid_token')
    assert.equal(outcome(token(es256, claims({ iat: NOW / 1000 + 1 })), strict), 'invalid_token')
    assert.equal(outcome(token(es256, claims({ exp: NOW / 1000 })), strict), 'token_expired')
  })
})

suite('forgeries', () => {
  const forged = (header: Record<string, unknown>, payload: unknown = claims(), signature = '') =>
    `${segment({ kid: 'RS256', typ: 'JWT', ...header })}.${segment(payload)}.${signature}`

  test('without a signature are refused (CVE-2015-9235)', () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', 'RS256', 'ES256', 'EdDSA'])
      assert.equal(outcome(forged({ alg, kid: alg === '' ? 'RS256' : alg })), 'invalid_token', alg)
  })

  test('with the public key as HMAC secret are refused (CVE-2023-48223, CVE-2026-34950, CVE-2026-22817)', () => {
    const jwk = JSON.stringify(rs256.jwk)
    for (const secret of [jwk, String(rs256.jwk['n'])]) {
      const signed = `${segment({ alg: 'HS256', kid: 'RS256' })}.${segment(claims())}`
      const mac = signBytes('HS256', createSecretKey(Buffer.from(secret)), signed)
      assert.equal(outcome(`${signed}.${mac.toString('base64url')}`), 'invalid_token')
    }
  })

  test('that name another algorithm than the key is for are refused', () => {
    for (const alg of algorithms.filter((one) => one !== 'RS256'))
      assert.equal(outcome(token(rs256, claims(), { alg })), 'invalid_token', alg)
  })

  test('in an algorithm that is not accepted are refused', () => {
    const scheme = bench.scheme('acme', options({ algorithms: ['ES256'] }))
    assert.equal(outcome(token(rs256, claims()), scheme), 'invalid_token')
    assert.equal(outcome(token(es256, claims()), scheme), 'pass')
  })

  test('that bring their own key are refused, and nothing is fetched (CVE-2018-0114, CVE-2026-27962)', () => {
    const evil = newSigner('RS256', 'RS256')
    const asked = server.count.jwks + server.count.other
    for (const header of [
      { jwk: evil.jwk },
      { jku: `${server.origin}/evil` },
      { x5u: `${server.origin}/evil` },
      { x5c: ['MII'] },
    ])
      assert.equal(outcome(token(evil, claims(), header)), 'invalid_token')
    assert.equal(server.count.jwks + server.count.other, asked)
  })

  test('with r = s = 0 or DER signatures are refused (CVE-2022-21449)', () => {
    for (const signature of [
      Buffer.alloc(64),
      Buffer.from('MAYCAQACAQA', 'base64url'),
      Buffer.alloc(63),
      Buffer.alloc(0),
    ])
      assert.equal(
        outcome(forged({ alg: 'ES256', kid: 'ES256' }, claims(), signature.toString('base64url'))),
        'invalid_token',
      )
  })

  test('by key id are refused', () => {
    for (const kid of ['../../dev/null', "' OR 1=1", '__proto__', '', { $ne: null }, 'k'.repeat(300)])
      assert.equal(outcome(token(rs256, claims(), { kid })), 'invalid_token')
  })

  test('with one bit changed are refused', () => {
    const text = token(es256, claims())
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...Array.from('AZaz09-_.= \n')), (at, character) => {
        fc.pre(text[at] !== character)
        const changed = text.slice(0, at) + character + text.slice(at + 1)
        assert.notEqual(outcome(changed), 'pass')
      }),
      { numRuns: 300 },
    )
  })

  test('spelled another way are refused, also when the token is known', () => {
    const text = token(es256, claims())
    assert.equal(outcome(text), 'pass')
    const last = text.at(-1) ?? ''
    const twins = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
      .filter((character) => character !== last)
      .map((character) => text.slice(0, -1) + character)
    for (const twin of [...twins, `${text}=`, `${text}==`, `${text}\t`, text.replace('.', '=.')])
      assert.notEqual(outcome(twin), 'pass', twin.slice(-5))
  })

  test('with duplicated claims are refused, whichever comes last', () => {
    const good = JSON.stringify(claims())
    for (const payload of [
      good.replace('{', '{"sub":"bob",'),
      good.replace('}', ',"sub":"bob"}'),
      good.replace('{', '{"\\u0073ub":"bob",'),
      good.replace('}', ',"a":{"b":1,"b":2}}'),
    ])
      assert.equal(outcome(token(es256, payload)), 'skip')
    assert.equal(outcome(token(es256, claims(), `{"alg":"none","alg":"ES256","kid":"ES256"}`)), 'invalid_token')
  })

  test('that are encrypted or compressed are refused (CVE-2024-28176)', () => {
    assert.equal(outcome(token(es256, claims(), { zip: 'DEF' })), 'invalid_token')
    assert.equal(outcome(`${segment({ alg: 'dir', enc: 'A256GCM' })}..a.b.c`), 'skip')
  })

  test('over 8 kB or deeply nested cost next to nothing (CVE-2025-30204)', () => {
    const started = performance.now()
    const huge = token(es256, claims({ pad: 'x'.repeat(9000) }))
    for (const text of ['.'.repeat(100_000), huge, token(es256, `{"iss":"${ISSUER}","a":${'['.repeat(3000)}`)])
      assert.equal(outcome(text), 'skip')
    assert.ok(performance.now() - started < 100)
    assert.equal(outcome(token(es256, claims({ pad: 'x'.repeat(5000) }))), 'pass')
  })

  test('learn the same from every refusal but expiry, and quote nothing', () => {
    for (const text of [
      token(rs256, claims({ aud: 'secret' })),
      token(newSigner('RS256', 'RS256'), claims()),
      token(rs256, claims(), { typ: 'secret' }),
    ]) {
      const attempt = decide(text)
      assert.ok(attempt.kind === 'deny' && attempt.code === 'invalid_token' && !attempt.note.includes('secret'))
    }
  })
})

suite('keys', () => {
  /** A scheme with an endpoint of its own. */
  async function fresh(signers: Signer[], part: Record<string, unknown> = {}) {
    const own = await startJwksServer(signers.map(({ jwk }) => jwk))
    const world = authnBench()
    const scheme = world.scheme('acme', { jwt: { issuer: ISSUER, audience: AUDIENCE, jwks_url: own.url, ...part } })
    const send = async (text: string) => outcomeOf(await present(scheme, text))
    const close = () => Promise.all([own.close(), world.keySets.close()])
    return { own, world, scheme, send, close }
  }

  test('are waited for by the first requests, with one fetch', async () => {
    const { own, send, close } = await fresh([es256])
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => send(token(es256, claims()))))
    assert.deepEqual(new Set(outcomes), new Set(['pass']))
    assert.equal(own.count.jwks, 1)
    await close()
  })

  test('unknown by name cost one fetch per cooldown, however many names come', async () => {
    const { own, world, scheme, send, close } = await fresh([es256])
    await send(token(es256, claims()))
    world.ahead += 30_000
    const flood = Array.from({ length: 500 }, (_, index) => send(token(es256, claims(), { kid: `k${index}` })))
    assert.deepEqual(new Set(await Promise.all(flood)), new Set(['invalid_token']))
    assert.equal(own.count.jwks, 2)
    assert.ok(!(present(scheme, token(es256, claims(), { kid: 'more' })) instanceof Promise), 'refused at once')
    assert.equal(own.count.jwks, 2)
    await close()
  })

  test('that are new are accepted as soon as the cooldown allows', async () => {
    const { own, world, send, close } = await fresh([es256])
    const young = newSigner('ES256', 'young')
    await send(token(es256, claims()))
    own.keys = [es256.jwk, young.jwk]
    assert.equal(await send(token(young, claims())), 'invalid_token')
    world.ahead += 30_000
    assert.equal(await send(token(young, claims())), 'pass')
    await close()
  })

  test('that are gone take the tokens along that they signed, also known ones', async () => {
    const { own, world, scheme, send, close } = await fresh([es256, rs256])
    const text = token(es256, claims())
    assert.equal(await send(text), 'pass')
    own.keys = [rs256.jwk]
    world.ahead += 30_000
    assert.equal(await send(token(rs256, claims(), { kid: 'makes it load' })), 'invalid_token')
    assert.equal(outcomeOf(await present(scheme, text)), 'invalid_token')
    await close()
  })

  test("that cannot be had are nobody's fault but ours", async () => {
    const { own, world, send, close } = await fresh([es256])
    const text = token(es256, claims())
    own.mode = 'status'
    assert.equal(await send(text), 'keys_unavailable')
    for (let request = 0; request < 100; request += 1) assert.equal(await send(text), 'keys_unavailable')
    assert.equal(own.count.jwks, 1)
    own.mode = 'ok'
    world.ahead += 30_000
    assert.equal(await send(text), 'pass')
    await close()
  })

  test('are believed for max_stale while the issuer is down, known tokens included', async () => {
    const { own, world, send, close } = await fresh([es256], { max_stale: '1h' })
    const text = token(es256, claims())
    assert.equal(await send(text), 'pass')
    own.mode = 'status'
    world.ahead += 3_590_000
    assert.equal(await send(text), 'pass')
    assert.equal(await send(token(es256, claims({ jti: 2 }))), 'pass')
    world.ahead += 10_001
    assert.equal(await send(text), 'keys_unavailable')
    await close()
  })

  test('are tried by algorithm when the token names none', async () => {
    const { send, close } = await fresh([newSigner('ES256', 'a'), newSigner('ES256', 'b'), es256, rs256])
    assert.equal(await send(token(es256, claims(), { kid: undefined })), 'pass')
    assert.equal(await send(token(newSigner('ES256', 'x'), claims(), { kid: undefined })), 'invalid_token')
    await close()
  })
})

suite('a shared secret', () => {
  const secret = hash('sha512', 'a secret for tests')
  const by = (alg: string, text = secret): Signer => ({ alg, kid: 'any', key: createSecretKey(text, 'utf8'), jwk: {} })
  const symmetric = () =>
    bench.scheme('hmac', {
      jwt: { issuer: ISSUER, audience: AUDIENCE, secret, algorithms: ['HS256', 'HS384', 'HS512'] },
    })

  for (const algorithm of ['HS256', 'HS384', 'HS512'])
    test(`verifies ${algorithm}`, () => {
      const scheme = symmetric()
      assert.equal(outcome(token(by(algorithm), claims()), scheme), 'pass')
      assert.equal(outcome(token(by(algorithm), claims()), scheme), 'pass')
      assert.equal(outcome(token(by(algorithm, secret.slice(1)), claims()), scheme), 'invalid_token')
    })

  test('verifies no signature of another kind, and needs no fetch', () => {
    assert.equal(outcome(token(rs256, claims()), symmetric()), 'invalid_token')
  })
})

suite('remembered tokens', () => {
  test('are not believed for another authenticator, audience or version of the options', () => {
    const text = token(es256, claims())
    assert.equal(outcome(text), 'pass')
    for (const part of [
      { audience: 'other' },
      { audience: [AUDIENCE.slice(0, 5), AUDIENCE.slice(5)] },
      { types: ['x'] },
      { algorithms: ['RS256'] },
    ])
      assert.equal(outcome(text, bench.scheme('acme', options(part))), 'invalid_token', JSON.stringify(part))
    const renamed = decide(text, bench.scheme('other', options()))
    assert.equal(renamed.kind === 'pass' && renamed.value.authenticator, 'other')
  })

  test('survive a reload that leaves the authenticator as it was', () => {
    const text = token(es256, claims())
    assert.equal(outcome(text), 'pass')
    const noted = evidence()
    void present(bench.scheme('acme', options()), text, noted)
    assert.equal(noted.cache, 'l1')
  })

  test('never include refused ones', () => {
    const { size } = bench.keySets.verified
    for (let index = 0; index < 50; index += 1) {
      assert.equal(outcome(token(es256, claims({ aud: 'other', jti: index }))), 'invalid_token')
      assert.equal(outcome(token(newSigner('EdDSA', 'ES256'), claims())), 'invalid_token')
    }
    assert.equal(bench.keySets.verified.size, size)
  })
})
