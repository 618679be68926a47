/**
 * Signature algorithms (RFC 7518 §3, RFC 8037 §3.1) and the one kind of key each may be used with.
 *
 * An algorithm is bound to a key when the key is loaded, never by what a token says of itself:
 * a public key can therefore not be mistaken for an HMAC secret.
 *
 * @module
 */

/** What an algorithm needs of a key, and what `node:crypto` needs to run it. */
export interface Signing {
  readonly kty: 'RSA' | 'EC' | 'OKP' | 'oct'
  /** Curve of EC and OKP keys. */
  readonly crv?: string
  /** Hash; Ed25519 has its own inside. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  /** RSASSA-PSS; the salt is as long as the hash. */
  readonly pss?: boolean
  /** Exact length of a signature in bytes; RSA signatures are as long as their modulus. */
  readonly bytes?: number
}

export const signings = {
  RS256: { kty: 'RSA', hash: 'sha256' },
  RS384: { kty: 'RSA', hash: 'sha384' },
  RS512: { kty: 'RSA', hash: 'sha512' },
  PS256: { kty: 'RSA', hash: 'sha256', pss: true },
  PS384: { kty: 'RSA', hash: 'sha384', pss: true },
  PS512: { kty: 'RSA', hash: 'sha512', pss: true },
  ES256: { kty: 'EC', crv: 'P-256', hash: 'sha256', bytes: 64 },
  ES384: { kty: 'EC', crv: 'P-384', hash: 'sha384', bytes: 96 },
  ES512: { kty: 'EC', crv: 'P-521', hash: 'sha512', bytes: 132 },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', hash: null, bytes: 64 },
  HS256: { kty: 'oct', hash: 'sha256', bytes: 32 },
  HS384: { kty: 'oct', hash: 'sha384', bytes: 48 },
  HS512: { kty: 'oct', hash: 'sha512', bytes: 64 },
} as const satisfies Record<string, Signing>

export type Algorithm = keyof typeof signings

export const algorithms = Object.keys(signings) as [Algorithm, ...Algorithm[]]

/** True for HS256 and its kin, whose one key both signs and verifies. */
export function isSymmetric(algorithm: Algorithm): algorithm is `HS${string}` & Algorithm {
  return signings[algorithm].kty === 'oct'
}

export const asymmetric: readonly Algorithm[] = algorithms.filter((algorithm) => !isSymmetric(algorithm))
