/**
 * A set of keys as its issuer publishes it (RFC 7517 §5), read at load and then only looked up.
 *
 * @module
 */
import { parseObject } from '../jwt/json.ts'
import { importKey, type Key, type KeyFlaw } from './key.ts'

const MOST_KEYS = 100

export interface LoadedKeys {
  readonly keys: readonly Key[]
  readonly refused: readonly KeyFlaw[]
}

/** Reads the text of a JWKS; undefined when it is not one. Keys that cannot be used are left out and counted. */
export async function readJwks(text: string): Promise<LoadedKeys | undefined> {
  const listed = parseObject(text)?.['keys']
  if (!Array.isArray(listed) || listed.length > MOST_KEYS) return undefined
  const imported = await Promise.all(listed.map(importKey))
  const usable = imported.filter((key) => typeof key !== 'string')
  const keys = usable.filter((key) => !usable.some((other) => other !== key && isAmbiguous(key, other)))
  const duplicates = usable.slice(keys.length).map((): KeyFlaw => 'kid_duplicate')
  return { keys, refused: [...imported.filter((key) => typeof key === 'string'), ...duplicates] }
}

/** Two keys under one name: which of them signed would be anybody's guess (types may share a name, RFC 7517 §4.5). */
function isAmbiguous(key: Key, other: Key): boolean {
  return key.kid !== undefined && key.kid === other.kid && key.kty === other.kty
}
