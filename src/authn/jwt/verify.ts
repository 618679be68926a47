/**
 * Verifies a JWT (RFC 7519 §7.2) that nothing is known of yet.
 *
 * @module
 */
import type { Asker } from '#request/asker.ts'
import { andThen, deny, pass, skip, type Attempt, type Eventually, type Verdict } from '#request/verdict.ts'

import type { Key } from '../key-sets/key.ts'
import type { KeySet } from '../key-sets/key-set.ts'
import { checkClaims, type ClaimRules, type Validity } from './claims.ts'
import { decodeSegment, splitCompact, type Segments } from './compact.ts'
import { headerReader, mediaType, type TokenHeader } from './header.ts'
import { factsOf, type FactRules, type Facts } from './facts.ts'
import { parseObject, type JsonObject } from './json.ts'
import type { JwtOptions } from './options.ts'
import { isSignedBy } from './signature.ts'
import type { Verified } from './verified.ts'

/** An issuer as one authenticator trusts it. */
export interface Trust {
  readonly options: JwtOptions
  readonly keySet: KeySet
  /** Wall clock, milliseconds since the epoch. */
  readonly clock: () => number
  /** What is kept of a token's claims. */
  readonly keep: FactRules['keep']
}

/**
 * Makes the verification of one authenticator. It answers at once unless keys have to be waited for.
 *
 * What costs nothing to see is looked at first: a token that says itself that it is not good now or not for us
 * needs no keys and no signature check, so nobody can spend our time with it.
 *
 * @returns skip for what is not a JWT of this issuer
 * @denies token_expired when `exp` plus the skew lies in the past
 * @denies keys_unavailable when the issuer's keys cannot be had
 * @denies invalid_token for every other flaw, so that a caller learns nothing from the difference
 * @denies too_many_failures when the asker does not get leave to have the signature checked
 */
export function verifyToken(trust: Trust): (token: string, asker: Asker) => Eventually<Attempt<Verified>> {
  const { options, keySet, clock } = trust
  const rules: ClaimRules = { ...options, audience: new Set(options.audience) }
  const readHeader = headerReader({
    algorithms: new Set(options.algorithms),
    types: new Set(options.types.map(mediaType)),
  })
  const judge = judgement(trust)

  return (token, asker) => {
    const segments = splitCompact(token)
    const payload = segments === undefined ? undefined : decodeSegment(segments.payload)
    const claims = payload === undefined ? undefined : parseObject(payload)
    if (segments === undefined || claims === undefined || claims['iss'] !== options.issuer) return skip

    const read = readHeader(segments.header)
    if (read.kind === 'deny') return read
    const validity = checkClaims(claims, rules, clock())
    if (validity.kind === 'deny') return validity
    const asserted = { segments, claims, head: read.value, validity: validity.value }
    return andThen(candidates(keySet, read.value), (keys) => judge(asserted, keys, asker))
  }
}

/** What a token says of itself and nobody has vouched for yet. */
interface Asserted {
  readonly segments: Segments
  readonly claims: JsonObject
  readonly head: TokenHeader
  readonly validity: Validity
}

/** Makes the judge of tokens, given the keys that may have signed: undefined when there are none to believe. */
function judgement({ options, keep }: Trust) {
  const rules: FactRules = { paths: options.claims, keep }

  return (asserted: Asserted, keys: readonly Key[] | undefined, asker: Asker): Verdict<Verified> => {
    const { segments, claims, head, validity } = asserted
    if (keys === undefined) return deny('keys_unavailable', 'no keys of the issuer to believe')
    if (keys.length === 0) return deny('invalid_token', 'the issuer has no such key')
    const refused = asker.refuseWork()
    if (refused !== undefined) return refused
    const key = signer(segments, head, keys)
    if (key === undefined) return deny('invalid_token', 'the signature does not match')
    const facts = factsOf(claims, rules)
    return facts.kind === 'deny' ? facts : pass(remembered(facts.value, key, validity))
  }
}

function remembered(facts: Facts, key: Key, { starts_at, expires_at }: Validity): Verified {
  return { facts, key, starts_at, expires_at, at: Math.floor(performance.now()), verdict: undefined, turn: 0 }
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
