/**
 * One public key of an issuer (RFC 7517 §4), bound to the algorithms it may verify.
 *
 * Keys come from outside and are refused when they are weak, private, meant for something else or not understood.
 * jose imports them, so that what a JWK may look like is decided by one kept library.
 *
 * @module
 */
import { hash, KeyObject } from 'node:crypto'
import { importJWK } from 'jose/key/import'

import { asymmetric, signings, type Algorithm, type Signing } from '../jwt/algorithms.ts'
import { isJsonObject, type JsonObject } from '../jwt/json.ts'
import { rsaWeakness } from './weak.ts'

const LONGEST_KID = 256
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

export interface Key {
  readonly kid: string | undefined
  readonly kty: string
  readonly algorithms: readonly Algorithm[]
  readonly material: KeyObject
  /** The same for the same key in a later copy of the set. */
  readonly fingerprint: string
}

/** Why a key is not used: label of `heimdall_keyset_keys_refused_total`. */
export type KeyFlaw =
  | 'malformed'
  | 'kid'
  | 'kid_duplicate'
  | 'kty'
  | 'symmetric'
  | 'private'
  | 'use'
  | 'key_ops'
  | 'alg'
  | 'curve'
  | 'rsa_size'
  | 'rsa_exponent'
  | 'rsa_roca'

/** Imports a JWK for verification with asymmetric algorithms, or says what is wrong with it. */
export async function importKey(jwk: unknown): Promise<Key | KeyFlaw> {
  if (!isJsonObject(jwk)) return 'malformed'
  const flaw = flawOf(jwk)
  if (flaw !== undefined) return flaw
  const algorithms = algorithmsOf(jwk)
  const first = algorithms[0]
  if (first === undefined) return jwk['alg'] === undefined ? 'curve' : 'alg'
  const material = await importMaterial(jwk, first)
  if (material === undefined) return 'malformed'
  const weakness = jwk['kty'] === 'RSA' ? rsaWeakness(material) : undefined
  if (weakness !== undefined) return weakness

  const kid = jwk['kid'] as string | undefined
  const identity = [kid, algorithms, material.export({ type: 'spki', format: 'pem' })]
  const fingerprint = hash('sha256', JSON.stringify(identity), 'base64url')
  return { kid, kty: jwk['kty'] as string, algorithms, material, fingerprint }
}

/** What can be told from the members alone. */
function flawOf(jwk: JsonObject): KeyFlaw | undefined {
  const { kid, kty, use, key_ops: operations } = jwk
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > LONGEST_KID)) return 'kid'
  if (kty === 'oct') return 'symmetric'
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return 'kty'
  if (privateMembers.some((name) => Object.hasOwn(jwk, name))) return 'private'
  if (use !== undefined && use !== 'sig') return 'use'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return 'key_ops'
  return undefined
}

/** Every algorithm of the key's type and curve, or the one its `alg` names. */
function algorithmsOf({ kty, crv, alg }: JsonObject): readonly Algorithm[] {
  return asymmetric.filter((algorithm) => {
    const signing: Signing = signings[algorithm]
    return (
      signing.kty === kty &&
      (signing.crv === undefined || signing.crv === crv) &&
      (alg === undefined || alg === algorithm)
    )
  })
}

/** Hands on the public members only: `ext`, `x5c` and the like have no say. */
async function importMaterial(jwk: JsonObject, algorithm: Algorithm): Promise<KeyObject | undefined> {
  const { kty, n, e, crv, x, y } = jwk as Readonly<Record<string, string>>
  const members = { RSA: { kty, n, e }, EC: { kty, crv, x, y }, OKP: { kty, crv, x } }[kty ?? '']
  try {
    const key = await importJWK(members as Parameters<typeof importJWK>[0], algorithm)
    return key instanceof Uint8Array ? undefined : KeyObject.from(key)
  } catch {
    return undefined
  }
}
