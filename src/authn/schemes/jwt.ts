/**
 * JSON Web Tokens in `Authorization: Bearer` (RFC 7519, RFC 6750 §2.1).
 *
 * A token is this authenticator's when it has three segments and claims to come from its issuer. From then on it passes or
 * is refused here, and no later scheme overturns that.
 *
 * @module
 */
import type { Asker } from '#request/asker.ts'
import type { Evidence } from '#request/evidence.ts'
import { claimsOn } from '#request/claims.ts'
import { header } from '#request/incoming.ts'
import type { Principal } from '#request/principal.ts'
import { andThen, pass, skip, type Attempt, type Eventually, type Pass, type Verdict } from '#request/verdict.ts'

import { bearerToken } from '../bearer.ts'
import { completeGrants } from '../grants.ts'
import { notNow } from '../jwt/claims.ts'
import { LONGEST_TOKEN } from '../jwt/compact.ts'
import { keySetOf } from '../jwt/keys.ts'
import { jwtOptions, type JwtOptions } from '../jwt/options.ts'
import { principalOf } from '../jwt/principal.ts'
import { verifiedKey, type Verified } from '../jwt/verified.ts'
import { verifyToken } from '../jwt/verify.ts'
import { defineScheme, type AuthnDeps } from '../scheme.ts'

export const jwt = defineScheme({
  name: 'jwt',
  options: jwtOptions,
  create(name, options, deps) {
    const prove = proof(name, options, deps)
    const complete = completeGrants({ mode: options.grants, roles: deps.roles, lookups: deps.lookups })
    return {
      name,
      kind: 'jwt',
      credential: { headers: ['authorization'] },
      challenge: 'Bearer',
      addressed: (request) => header(request, 'authorization') !== undefined,
      attempt(request, evidence, stale, asker) {
        const token = bearerToken(request)
        if (token === undefined || token.length > LONGEST_TOKEN) return skip
        return andThen(prove(token, evidence, asker), (attempt: Attempt<Principal>) =>
          attempt.kind === 'pass' ? complete(attempt.value, evidence, stale) : attempt,
        )
      },
    }
  },
})

/** Proves a token from memory or by its signature, and leaves in the evidence which it was. */
function proof(name: string, options: JwtOptions, { clock, keySets, metrics, claims }: AuthnDeps) {
  const keySet = keySetOf(name, options, keySets)
  const verify = verifyToken({ options, keySet, clock, keep: claimsOn(claims) })
  const keyOf = verifiedKey([name, options, claims])
  const vouching = { authenticator: name, issuer: options.issuer }
  const { verified } = keySets
  const entries = metrics.cacheEntries.labels({ cache: 'tokens' })

  const speakFor = (token: Verified): Pass<Principal> =>
    pass(principalOf(token.facts, token.expires_at * 1000, vouching))

  const recall = (token: Verified, evidence: Evidence): Verdict<Principal> => {
    evidence.authenticator = name
    evidence.cache = 'l1'
    evidence.cache_age = performance.now() - token.at
    const flaw = notNow(token, options.clock_skew, clock())
    if (flaw !== undefined) return flaw
    if (token.verdict !== undefined) return token.verdict
    const verdict = speakFor(token)
    verified.rouse(token, verdict)
    return verdict
  }

  const learn = (key: string, attempt: Attempt<Verified>, evidence: Evidence): Attempt<Principal> => {
    if (attempt.kind === 'skip') return skip
    evidence.authenticator = name
    if (attempt.kind === 'deny') return attempt
    evidence.cache = 'source'
    evidence.cache_age = 0
    verified.set(key, attempt.value)
    entries.set(verified.size)
    return speakFor(attempt.value)
  }

  return (token: string, evidence: Evidence, asker: Asker): Eventually<Attempt<Principal>> => {
    const key = keyOf(token)
    const known = verified.get(key)
    if (known !== undefined && keySet.trusts(known.key)) return recall(known, evidence)
    return andThen(verify(token, asker), (attempt: Attempt<Verified>) => learn(key, attempt, evidence))
  }
}
