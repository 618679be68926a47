/**
 * A shared secret in the place of a key set: one key, for HMAC only, that never changes while it is in force.
 *
 * @module
 */
import { createSecretKey, hash } from 'node:crypto'

import { algorithms, isSymmetric } from '../jwt/algorithms.ts'
import type { Key } from './key.ts'
import type { KeySet } from './key-set.ts'

/** Makes the key set of a secret; the token's `kid` has no choice to make. */
export function secretKeySet(secret: string, authenticator: string): KeySet {
  const key: Key = {
    kid: undefined,
    kty: 'oct',
    algorithms: algorithms.filter(isSymmetric),
    material: createSecretKey(secret, 'utf8'),
    fingerprint: hash('sha256', secret, 'base64url'),
  }
  return {
    find: (_, algorithm) => (key.algorithms.includes(algorithm) ? [key] : []),
    trusts: ({ fingerprint }) => fingerprint === key.fingerprint,
    refresh: () => undefined,
    status: () => ({ authenticator, ready: true }),
  }
}
