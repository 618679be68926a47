/**
 * Tokens of every kind, good and bad: headers and payloads are taken as they come, also as raw text.
 *
 * @module
 */
import { constants, createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

/** Who signs, with what. */
export interface Signer {
  readonly alg: string
  readonly kid: string
  readonly key: KeyObject
  /** The public half as an issuer publishes it. */
  readonly jwk: Record<string, unknown>
}

function pairFor(alg: string): { publicKey: KeyObject; privateKey: KeyObject } {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519')
  const curve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg]
  return curve === undefined
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: curve })
}

/** Makes a new key pair for an asymmetric algorithm. */
export function newSigner(alg: string, kid: string): Signer {
  const { publicKey, privateKey } = pairFor(alg)
  return { alg, kid, key: privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } }
}

const made = new Map<string, Signer>()

/** The one signer of an algorithm in this process; its kid is the algorithm's name. */
export function signer(alg: string): Signer {
  const known = made.get(alg) ?? newSigner(alg, alg)
  made.set(alg, known)
  return known
}

/** Signature bytes of `data`. */
export function signBytes(alg: string, key: KeyObject, data: string): Buffer {
  const bytes = Buffer.from(data, 'latin1')
  if (alg === 'EdDSA') return sign(null, bytes, key)
  const digest = `sha${alg.slice(2)}`
  if (alg.startsWith('HS')) return createHmac(digest, key).update(bytes).digest()
  if (alg.startsWith('ES')) return sign(digest, bytes, { key, dsaEncoding: 'ieee-p1363' })
  if (alg.startsWith('RS')) return sign(digest, bytes, key)
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  return sign(digest, bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
}

/** Encodes a segment; text is taken as it is. */
export function segment(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

/** A compact JWS; `header` is laid over `{ alg, kid, typ }`, or replaces it when it is text. */
export function token(by: Signer, payload: unknown, header: Record<string, unknown> | string = {}): string {
  const head = typeof header === 'string' ? header : { alg: by.alg, kid: by.kid, typ: 'JWT', ...header }
  const signed = `${segment(head)}.${segment(payload)}`
  return `${signed}.${signBytes(by.alg, by.key, signed).toString('base64url')}`
}

/** Wall clock of tests that do not care, milliseconds. */
export const NOW = 1_700_000_000_000
const seconds = NOW / 1000

export const ISSUER = 'https://id.test'
export const AUDIENCE = 'orders-api'

/** Claims of alice, issued at NOW for five minutes. */
export function claims(part: Record<string, unknown> = {}): Record<string, unknown> {
  return { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: seconds, exp: seconds + 300, ...part }
}
