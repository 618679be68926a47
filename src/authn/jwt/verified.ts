/**
 * Verified tokens: signatures that were checked once and need not be checked again.
 *
 * What is remembered is that a key signed this text; a key that leaves its set takes everything it signed along,
 * and the times are compared with the clock on every hit. Refused tokens are not remembered: an attacker has no end of them.
 *
 * The memory is keyed by hash because that is faster than a map of the texts (0.9 µs against 1.3 µs for a fresh
 * header of 800 bytes, V8 hashes strings slower than OpenSSL) and its entries do not grow with the tokens.
 *
 * @module
 */
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

import type { Principal } from '#request/principal.ts'
import type { Pass } from '#request/verdict.ts'

import type { Key } from '../key-sets/key.ts'
import type { Validity } from './claims.ts'

const MOST_VERIFIED = 40_000

export interface Verified {
  readonly verdict: Pass<Principal>
  /** The key whose signature was good. */
  readonly key: Key
  readonly validity: Validity
  /** When the signature was checked: `performance.now()`, since an age must not leap with the wall clock. */
  readonly at: number
}

export type VerifiedTokens = LRUCache<string, Verified>

/** Makes a memory for at most `most` tokens; the least recently used go first. */
export function createVerifiedTokens(most = MOST_VERIFIED): VerifiedTokens {
  return new LRUCache<string, Verified>({ max: most })
}

/**
 * Makes the key function of one authenticator.
 *
 * @param revision everything that bears on the outcome: name, issuer, audience and all other options.
 *   Its digest has a fixed length, so no token can run over into it.
 */
export function verifiedKey(revision: readonly unknown[]): (token: string) => string {
  const prefix = hash('sha256', JSON.stringify(revision), 'base64url')
  return (token) => hash('sha256', prefix + token, 'base64url')
}
