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

/** Where the keys of an authenticator are loaded from; undefined for a shared secret, which is in the file already. */
export function keySourceOf(options: JwtOptions): KeySource | undefined {
  const { secret, jwks_file: file, jwks_url: url, issuer, cooldown, refresh, max_stale } = options
  const pace = { cooldown, refresh, max_stale }
  if (secret !== undefined) return undefined
  if (file !== undefined) return { kind: 'file', at: file, pace }
  return url === undefined ? { kind: 'discovery', at: issuer, pace } : { kind: 'url', at: url, pace }
}

/** Gets the key set of an authenticator, which starts to load unless another one uses it already. */
export function keySetOf(name: string, options: JwtOptions, keySets: KeySets): KeySet {
  const source = keySourceOf(options)
  return source === undefined ? secretKeySet(options.secret ?? '', name) : keySets.get(source, name)
}
