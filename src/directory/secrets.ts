/**
 * The secrets that Heimdall hands out: session values and API keys.
 *
 * Each holds 256 random bits, so a plain SHA-256 is enough to store: there is nothing to guess.
 *
 * @module
 */
import { hash, randomBytes } from 'node:crypto'

const sessionPattern = /^hs_[A-Za-z0-9_-]{43}$/
const apiKeyPattern = /^hd_([a-z0-9]{10,16})_[A-Za-z0-9_-]{43}$/
const idAlphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const ID_LENGTH = 12
const SECRET_BYTES = 32

/** Source of random bytes; the system's own unless a test gives another. */
export type RandomBytes = (size: number) => Buffer

/** What every session value begins with; a bearer token that does is ours. */
export const SESSION_PREFIX = 'hs_'

/** SHA-256 of a secret as sent, in lower-case hex: the only form in which it is stored. */
export function digest(text: string): string {
  return hash('sha256', text, 'hex')
}

/** A new id that is no secret: twelve letters and digits, 60 random bits. */
export function newId(random: RandomBytes = randomBytes): string {
  return Array.from(random(ID_LENGTH), (byte) => idAlphabet[byte % idAlphabet.length]).join('')
}

/** A new session value: `hs_` and 256 random bits in base64url. */
export function newSessionValue(random: RandomBytes = randomBytes): string {
  return SESSION_PREFIX + random(SECRET_BYTES).toString('base64url')
}

/** A new API key: `hd_<id>_<256 random bits>`. The id names the key in logs and commands, the whole text proves it. */
export function newApiKey(random: RandomBytes = randomBytes): { readonly id: string; readonly key: string } {
  const id = newId(random)
  return { id, key: `hd_${id}_${random(SECRET_BYTES).toString('base64url')}` }
}

/** True for a text of the form that `newSessionValue` makes; says nothing of whether the session exists. */
export function isSessionValue(text: string): boolean {
  return sessionPattern.test(text)
}

/** Id of a text of the form that `newApiKey` makes, or undefined. */
export function apiKeyId(text: string): string | undefined {
  return apiKeyPattern.exec(text)?.[1]
}
