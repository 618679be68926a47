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

/** Twelve letters and digits, 60 random bits: tells secrets apart and is none itself. */
function newId(random: RandomBytes): string {
  return Array.from(random(ID_LENGTH), (byte) => idAlphabet[byte % idAlphabet.length]).join('')
}

/** A secret just made: the id names it in logs and commands, the value is shown once, the digest is stored. */
export interface NewSecret {
  readonly id: string
  readonly value: string
  readonly digest: string
}

/** Makes a session secret: `hs_` and 256 random bits in base64url. */
export function newSession(random: RandomBytes = randomBytes): NewSecret {
  const value = SESSION_PREFIX + random(SECRET_BYTES).toString('base64url')
  return { id: newId(random), value, digest: digest(value) }
}

/** Makes an API key: `hd_<id>_<256 random bits in base64url>`. */
export function newApiKey(random: RandomBytes = randomBytes): NewSecret {
  const id = newId(random)
  const value = `hd_${id}_${random(SECRET_BYTES).toString('base64url')}`
  return { id, value, digest: digest(value) }
}

/** True for a text of the form that `newSession` makes; says nothing of whether the session exists. */
export function isSessionValue(text: string): boolean {
  return sessionPattern.test(text)
}

/** Id of a text of the form that `newApiKey` makes, or undefined. */
export function apiKeyId(text: string): string | undefined {
  return apiKeyPattern.exec(text)?.[1]
}
