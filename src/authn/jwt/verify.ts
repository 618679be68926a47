/**
 * Verifies a JWT (RFC 7519 §7.2) that nothing is known of yet.
 *
 * @module
 */
import { andThen, deny, pass, skip, type Attempt, type Eventually, type Verdict } from '#request/verdict.ts'

import type { Key } from '../key-sets/key.ts'
import type { KeySet } from '../key-sets/key-set.ts'
import { checkClaims, type ClaimRules } from './claims.ts'
import { decodeSegment, splitCompact, type Segments } from './compact.ts'
import { mediaType, readHeader, type HeaderRules, type TokenHeader } from './header.ts'
import { parseObject, type JsonObject } from './json.ts'
import type { JwtOptions } from './options.ts'
import { principalOf } from './principal.ts'
import { isSignedBy } from './signature.ts'
import type { Verified } from './verified.ts'

/** An issuer as one authenticator trusts it. */
export interface Trust {
  readonly authenticator: string
  readonly options: JwtOptions
  readonly keySet: KeySet
  /** Wall clock, milliseconds since the epoch. */
  readonly clock: () => number
}

/**
 * Makes the verification of one authenticator. It answers at once unless keys have to be waited for.
 *
 * @returns skip for what is not a JWT of this issuer
 * @denies token_expired when `exp` plus the skew lies in the past
 * @denies keys_unavailable when the issuer's keys cannot be had
 * @denies invalid_token for every other flaw, so that a caller learns nothing from the difference
 */
export function verifyToken(trust: Trust): (token: string) => Eventually<Attempt<Verified>> {
  const { options, keySet } = trust
  const header: HeaderRules = {
    algorithms: new Set(options.algorithms),
    types: new Set(options.types.map(mediaType)),
  }
  const judge = judgement(trust)

  return (token) => {
    const segments = splitCompact(token)
    const payload = segments === undefined ? undefined : decodeSegment(segments.payload)
    const claims = payload === undefined ? undefined : parseObject(payload)
    if (segments === undefined || claims === undefined || claims['iss'] !== options.issuer) return skip

    const head = readHeader(segments.header, header)
    if (head.kind === 'deny') return head
    return andThen(candidates(keySet, head.value), (keys) => judge({ segments, claims, head: head.value, keys }))
  }
}

/** What was read of a token, and the keys that may have signed it; undefined when there are none to believe. */
interface Case {
  readonly segments: Segments
  readonly claims: JsonObject
  readonly head: TokenHeader
  readonly keys: readonly Key[] | undefined
}

function judgement({ authenticator, options, clock }: Trust): (read: Case) => Verdict<Verified> {
  const rules: ClaimRules = { ...options, audience: new Set(options.audience) }
  const vouching = { authenticator, issuer: options.issuer, paths: options.claims }

  return ({ segments, claims, head, keys }) => {
    if (keys === undefined) return deny('keys_unavailable', 'no keys of the issuer to believe')
    if (keys.length === 0) return deny('invalid_token', 'the issuer has no such key')
    const key = signer(segments, head, keys)
    if (key === undefined) return deny('invalid_token', 'the signature does not match')
    const at = clock()
    const validity = checkClaims(claims, rules, at)
    if (validity.kind === 'deny') return validity
    const verdict = principalOf(claims, validity.value.expires_at, vouching)
    return verdict.kind === 'deny' ? verdict : pass({ verdict, key, validity: validity.value, at })
  }
}

/** A key that is not there may be new: the set is asked to load, which it does at most once per cooldown. */
function candidates(keySet: KeySet, { kid, algorithm }: TokenHeader): Eventually<readonly Key[] | undefined> {
  const keys = keySet.find(kid, algorithm)
  if (keys !== undefined && keys.length > 0) return keys
  const loading = keySet.refresh()
  return loading === undefined ? keys : loading.then(() => keySet.find(kid, algorithm))
}

function signer({ signed, signature }: Segments, head: TokenHeader, keys: readonly Key[]): Key | undefined {
  const bytes = decodeSegment(signature)
  return bytes && keys.find((key) => isSignedBy(key.material, head.algorithm, signed, bytes))
}
