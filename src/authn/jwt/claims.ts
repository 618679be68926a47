/**
 * The claims a token is judged by (RFC 7519 §4.1): for whom, from when, until when.
 *
 * @module
 */
import { deny, pass, type Verdict } from '#request/verdict.ts'

import type { JsonObject } from './json.ts'

export interface ClaimRules {
  readonly audience: ReadonlySet<string>
  /** Milliseconds. */
  readonly clock_skew: number
  /** Milliseconds. */
  readonly max_lifetime: number
}

/** When a token is good, in milliseconds since the epoch, the skew applied on both sides. */
export interface Validity {
  readonly from: number
  readonly until: number
  /** `exp` itself. */
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
  return validity.kind === 'deny' ? validity : withinTimes(validity.value, now)
}

/**
 * Asks again whether a token is good at this moment.
 *
 * @denies token_expired, invalid_token as `checkClaims`
 */
export function withinTimes(validity: Validity, now: number): Verdict<Validity> {
  if (now >= validity.until) return deny('token_expired', 'exp has passed')
  if (now < validity.from) return deny('invalid_token', 'nbf or iat lies in the future')
  return pass(validity)
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
  const start = claims['iat'] === undefined ? now + rules.clock_skew : issued_at
  if (expires_at - start > rules.max_lifetime) return deny('invalid_token', 'lives longer than max_lifetime')
  const from = Math.max(starts_at, issued_at) - rules.clock_skew
  return pass({ from, until: expires_at + rules.clock_skew, expires_at })
}

/** Milliseconds of a NumericDate (RFC 7519 §2); NaN for anything that is not one. */
function numericDate(value: unknown): number {
  return typeof value === 'number' && value >= 0 && value <= 8.64e12 ? value * 1000 : Number.NaN
}
