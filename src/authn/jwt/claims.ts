/**
 * The claims a token is judged by (RFC 7519 §4.1): for whom, from when, until when.
 *
 * @module
 */
import { deny, pass, type Deny, type Verdict } from '#request/verdict.ts'

import type { JsonObject } from './json.ts'

export interface ClaimRules {
  readonly audience: ReadonlySet<string>
  /** Milliseconds. */
  readonly clock_skew: number
  /** Milliseconds. */
  readonly max_lifetime: number
}

/** When a token is good: seconds since the epoch, as the token says it (RFC 7519 §2, NumericDate). */
export interface Validity {
  /** The later of `nbf` and `iat`; 0 without both. */
  readonly starts_at: number
  /** `exp`. */
  readonly expires_at: number
}

/**
 * Checks audience and times; the issuer has been compared before.
 *
 * @param now wall clock, milliseconds since the epoch
 * @denies token_expired when `exp` plus the skew lies in the past (§4.1.4)
 * @denies invalid_token for every other flaw
 */
export function checkClaims(claims: JsonObject, rules: ClaimRules, now: number): Verdict<Validity> {
  if (!isMeantFor(claims['aud'], rules.audience)) return deny('invalid_token', 'aud does not name an accepted audience')
  const validity = readTimes(claims, rules, now)
  return validity.kind === 'deny' ? validity : (notNow(validity.value, rules.clock_skew, now) ?? validity)
}

/**
 * Asks again whether a token is good at this moment, the skew (milliseconds) applied on both sides; undefined when it is.
 *
 * @denies token_expired, invalid_token as `checkClaims`
 */
export function notNow({ starts_at, expires_at }: Validity, clock_skew: number, now: number): Deny | undefined {
  if (now >= expires_at * 1000 + clock_skew) return deny('token_expired', 'exp has passed')
  if (now < starts_at * 1000 - clock_skew) return deny('invalid_token', 'nbf or iat lies in the future')
  return undefined
}

function isMeantFor(aud: unknown, audience: ReadonlySet<string>): boolean {
  if (typeof aud === 'string') return audience.has(aud)
  return Array.isArray(aud) && aud.every((one) => typeof one === 'string') && aud.some((one) => audience.has(one))
}

function readTimes(claims: JsonObject, rules: ClaimRules, now: number): Verdict<Validity> {
  const expires_at = numericDate(claims['exp'])
  const starts_at = claims['nbf'] === undefined ? 0 : numericDate(claims['nbf'])
  const issued_at = claims['iat'] === undefined ? 0 : numericDate(claims['iat'])
  if (Number.isNaN(expires_at + starts_at + issued_at)) return deny('invalid_token', 'exp, nbf or iat is not a date')
  const start = claims['iat'] === undefined ? now + rules.clock_skew : issued_at * 1000
  if (expires_at * 1000 - start > rules.max_lifetime) return deny('invalid_token', 'lives longer than max_lifetime')
  return pass({ starts_at: Math.max(starts_at, issued_at), expires_at })
}

/** Seconds of a NumericDate; NaN for anything that is not one. */
function numericDate(value: unknown): number {
  return typeof value === 'number' && value >= 0 && value <= 8.64e12 ? value : Number.NaN
}
