/**
 * The keys that a JWT authenticator trusts.
 *
 * @module
 */
import type { KeySets } from '../key-sets.ts'
import type { KeySet } from '../key-sets/key-set.ts'
import { secretKeySet } from '../key-sets/secret.ts'
import type { KeySource } from '../key-sets/source.ts'
import type { JwtOptions } from './options.ts'

/** Where the keys of an authenticator without a shared secret are loaded from. */
export function keySourceOf({ jwks_file, jwks_url, issuer, cooldown, refresh, max_stale }: JwtOptions): KeySource {
  const pace = { cooldown, refresh, max_stale }
  if (jwks_file !== undefined) return { kind: 'file', at: jwks_file, pace }
  return jwks_url === undefined ? { kind: 'discovery', at: issuer, pace } : { kind: 'url', at: jwks_url, pace }
}

/** Gets the key set of an authenticator, which starts to load unless another one uses it already. */
export function keySetOf(name: string, options: JwtOptions, keySets: KeySets): KeySet {
  return options.secret === undefined ? keySets.get(keySourceOf(options), name) : secretKeySet(options.secret, name)
}
