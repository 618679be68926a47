import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'

import { importKey } from '#authn/key-sets/key.ts'

import { newSigner, signer } from '../../support/tokens.ts'

const rsa = signer('RS256').jwk
const ec = signer('ES256').jwk
const ed = signer('EdDSA').jwk

function rsaOf(modulusLength: number, publicExponent = 65_537) {
  return generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey.export({ format: 'jwk' })
}

/** The vector of a modulus made by the Infineon generator. */
function rocaKey(): Record<string, unknown> {
  const file = join(import.meta.dirname, '../../vectors/wycheproof/json_web_key_test.json')
  const { testGroups } = JSON.parse(readFileSync(file, 'utf8')) as {
    testGroups: { private: { keys?: Record<string, string>[] } & Record<string, string>; tests: { tcId: number }[] }[]
  }
  const group = testGroups.find(({ tests }) => tests.some(({ tcId }) => tcId === 7))?.private
  const { n, e } = group?.keys?.[0] ?? group ?? {}
  return { kty: 'RSA', n, e }
}

suite('importKey', () => {
  test('binds a key to the algorithms of its type, or to the one it names', async () => {
    const { alg, ...open } = rsa
    const any = await importKey(open)
    const one = await importKey(rsa)
    assert.ok(typeof any !== 'string' && typeof one !== 'string')
    assert.deepEqual(any.algorithms, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
    assert.deepEqual([one.algorithms, one.kid], [[alg], 'RS256'])
  })

  for (const algorithm of ['ES256', 'ES384', 'ES512', 'EdDSA'])
    test(`binds the curve of ${algorithm} to it`, async () => {
      const { alg: _, ...open } = newSigner(algorithm, 'k').jwk
      const key = await importKey(open)
      assert.ok(typeof key !== 'string')
      assert.deepEqual(key.algorithms, [algorithm])
    })

  test('gives the same key the same fingerprint, another key or name another', async () => {
    const keys = await Promise.all([
      importKey(ec),
      importKey({ ...ec, x5t: 'x' }),
      importKey({ ...ec, kid: 'b' }),
      importKey(ed),
    ])
    const prints = keys.map((key) => (typeof key === 'string' ? key : key.fingerprint))
    assert.equal(prints[0], prints[1])
    assert.equal(new Set(prints).size, 3)
  })

  for (const [what, jwk, flaw] of [
    ['no object', 'key', 'malformed'],
    ['a shared secret (CVE-2016-10555)', { kty: 'oct', k: 'c2VjcmV0' }, 'symmetric'],
    ['an unknown type', { kty: 'AKP', pub: 'x' }, 'kty'],
    ['no type', {}, 'kty'],
    ['a type that is no text', { kty: ['RSA'] }, 'kty'],
    ['a name that is no text', { ...ec, kid: 7 }, 'kid'],
    ['an empty name', { ...ec, kid: '' }, 'kid'],
    ['a name over 256 characters', { ...ec, kid: 'k'.repeat(257) }, 'kid'],
    ['a published private key', { ...ec, d: 'x' }, 'private'],
    ['a key for encryption', { ...rsa, use: 'enc' }, 'use'],
    ['a key that may not verify', { ...rsa, key_ops: ['encrypt'] }, 'key_ops'],
    ['operations that are no list', { ...rsa, key_ops: 'verify' }, 'key_ops'],
    ['an algorithm of encryption', { ...rsa, alg: 'RSA-OAEP' }, 'alg'],
    ['an algorithm of another type', { ...rsa, alg: 'ES256' }, 'alg'],
    ['an HMAC algorithm (CVE-2026-22817)', { ...rsa, alg: 'HS256' }, 'alg'],
    ['alg none', { ...rsa, alg: 'none' }, 'alg'],
    ['a curve nobody signs tokens with', { kty: 'EC', crv: 'secp256k1', x: ec['x'], y: ec['y'] }, 'curve'],
    ['a curve for key agreement', { kty: 'OKP', crv: 'X25519', x: ed['x'] }, 'curve'],
    ['a point off the curve', { ...ec, x: ec['y'], y: ec['x'] }, 'malformed'],
    ['missing coordinates', { kty: 'EC', crv: 'P-256', x: ec['x'] }, 'malformed'],
    ['coordinates that are no text', { kty: 'EC', crv: 'P-256', x: 1, y: 2 }, 'malformed'],
    ['RSA below 2048 bits', rsaOf(1024), 'rsa_size'],
    ['RSA above 8192 bits', { kty: 'RSA', e: 'AQAB', n: Buffer.alloc(1025, 0xff).toString('base64url') }, 'rsa_size'],
    ['RSA with exponent 1', { ...rsa, e: 'AQ' }, 'rsa_exponent'],
    ['RSA with an even exponent', { ...rsa, e: 'AQAC' }, 'rsa_exponent'],
    ['RSA of a broken generator (CVE-2017-15361)', rocaKey(), 'rsa_roca'],
  ] as const)
    test(`refuses ${what}`, async () => assert.equal(await importKey(jwk), flaw))

  test('accepts RSA keys of other sizes, small odd exponents and operations with verify', async () => {
    for (const jwk of [rsaOf(3072), rsaOf(2048, 3), { ...rsa, key_ops: ['verify'], use: 'sig' }])
      assert.equal(typeof (await importKey(jwk)), 'object')
  })

  test('answers for whatever an issuer may publish, and never throws', async () => {
    const member = fc.oneof(
      fc.jsonValue({ maxDepth: 1 }),
      fc.base64String(),
      fc.constantFrom('AQAB', 'P-256', 'Ed25519', ...Object.values(rsa)),
    )
    const names = ['kid', 'use', 'alg', 'crv', 'n', 'e', 'x', 'y'] as const
    const model = Object.fromEntries(names.map((name) => [name, member]))
    const jwk = fc.record({ kty: fc.constantFrom('RSA', 'EC', 'OKP'), ...model }, { requiredKeys: ['kty'] })
    await fc.assert(
      fc.asyncProperty(fc.oneof(jwk, fc.jsonValue()), async (value) => {
        assert.ok(['string', 'object'].includes(typeof (await importKey(value))))
      }),
      { numRuns: 500 },
    )
  })
})
