/**
 * The JWS layer against Project Wycheproof: nothing is accepted that the vectors call invalid.
 *
 * The payloads are raw bytes, not claims, so the vectors drive what `verify.ts` is made of.
 * `test/vectors/wycheproof` holds the unchanged files of C2SP/wycheproof (Apache-2.0).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { isSymmetric, signings, type Algorithm } from '#authn/jwt/algorithms.ts'
import { decodeSegment, splitCompact } from '#authn/jwt/compact.ts'
import { readHeader } from '#authn/jwt/header.ts'
import { isSignedBy } from '#authn/jwt/signature.ts'
import { readJwks } from '#authn/key-sets/jwks.ts'
import type { Key } from '#authn/key-sets/key.ts'

type Jwk = Record<string, unknown>
interface Group {
  readonly comment: string
  readonly private?: Jwk & { keys?: Jwk[] }
  readonly public?: Jwk & { keys?: Jwk[] }
  readonly tests: readonly { tcId: number; comment: string; jws?: unknown; result: string }[]
}

const folder = join(import.meta.dirname, '../../vectors/wycheproof')
const groupsOf = (file: string): Group[] =>
  (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { testGroups: Group[] }).testGroups

/** Keys of a group: a lone secret as the option `secret` takes it, everything else as an issuer's key set. */
async function keysOf(group: Group): Promise<readonly Key[]> {
  const written = group.public ?? group.private ?? {}
  const jwks = written.keys ?? [written]
  const [only = {}, ...others] = jwks
  if (only['kty'] === 'oct' && others.length === 0) return secretKeys(only)
  return (await readJwks(JSON.stringify({ keys: jwks.map(publicHalf) })))?.keys ?? []
}

function publicHalf(jwk: Jwk): Jwk {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !/^(?:d|p|q|dp|dq|qi)$/.test(name)))
}

function secretKeys({ alg, k }: Jwk): readonly Key[] {
  const algorithm = alg as Algorithm
  const bytes = Buffer.from(String(k), 'base64url')
  if (!Object.hasOwn(signings, algorithm) || !isSymmetric(algorithm) || bytes.length < signings[algorithm].bytes)
    return []
  const material = createSecretKey(bytes)
  return [{ kid: undefined, kty: 'oct', algorithms: [algorithm], material, fingerprint: '' }]
}

function accepts(jws: string, keys: readonly Key[]): boolean {
  const segments = splitCompact(jws)
  if (segments === undefined || decodeSegment(segments.payload) === undefined) return false
  const head = readHeader(segments.header, { algorithms: new Set(Object.keys(signings)), types: new Set(['jwt']) })
  const signature = decodeSegment(segments.signature)
  if (head.kind === 'deny' || signature === undefined) return false
  const { algorithm, kid } = head.value
  return keys
    .filter((key) => key.algorithms.includes(algorithm) && (isSymmetric(algorithm) || key.kid === kid))
    .some((key) => isSignedBy(key.material, algorithm, segments.signed, signature))
}

/** Cases where we and the vectors disagree, as `ID comment`; JSON serializations and JWE are not JWS in compact form. */
async function disagreements(file: string): Promise<{ accepted: string[]; refused: string[]; agreed: number }> {
  const found = { accepted: [] as string[], refused: [] as string[], agreed: 0 }
  for (const group of groupsOf(file)) {
    const keys = await keysOf(group)
    for (const { tcId, comment, jws, result } of group.tests) {
      if (typeof jws !== 'string') continue
      const accepted = accepts(jws, keys)
      if (accepted === (result === 'valid')) found.agreed += 1
      else found[accepted ? 'accepted' : 'refused'].push(`${tcId} ${comment}`)
    }
  }
  return found
}

suite('Wycheproof', () => {
  test('accepts no signature that is invalid', async () => {
    const { accepted, refused, agreed } = await disagreements('json_web_signature_test.json')
    // The padding these are about is missing from the vectors: their text is that of a valid token.
    assert.deepEqual(accepted, ['367 invalidBase64Padding', '370 invalidBase64PaddingInPayload'])
    assert.deepEqual(refused, [
      // The key says PS256 and the token PS384; the key says `ES521`, which is no algorithm.
      '346 Figure20',
      '347 Figure27',
      '350 Figure20',
      '351 Figure27',
      // A `?` within base64url.
      '372 InvalidCharacterInsertedInHeader',
      '373 InvalidCharacterInsertedInPayload',
    ])
    assert.ok(agreed > 380)
  })

  test('accepts nothing that key confusion would let through', async () => {
    const { accepted, agreed } = await disagreements('json_web_crypto_test.json')
    assert.deepEqual(accepted, [])
    assert.ok(agreed > 40)
  })

  test('accepts nothing signed with a weak, misused or ambiguous key', async () => {
    const { accepted, refused } = await disagreements('json_web_key_test.json')
    assert.deepEqual(accepted, [])
    // Secrets in a key set: we take a secret from the file alone.
    assert.deepEqual(refused, ['2 acceptsValid'])
  })
})
