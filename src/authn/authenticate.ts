/**
 * Authentication: the first scheme that recognises the credential decides.
 *
 * @module
 */
import type { StalePolicy } from '#cache/freshness.ts'
import type { Asker } from '#request/asker.ts'
import type { Evidence } from '#request/evidence.ts'
import type { Incoming } from '#request/incoming.ts'
import type { Principal } from '#request/principal.ts'
import { andThen, deny, passed, type Attempt, type Eventually, type Verdict } from '#request/verdict.ts'

import type { Scheme } from './scheme.ts'

/** What a route asks of authentication. */
export interface AuthenticateOptions {
  /** A request without credentials is anonymous; a bad credential is still refused. */
  readonly optional: boolean
  /** Credentials are not looked at. */
  readonly public: boolean
  readonly stale: StalePolicy
}

/** Judges the credential of a request; `asker` answers for the work that takes. */
export type Authenticate = (
  request: Incoming,
  evidence: Evidence,
  asker: Asker,
) => Eventually<Verdict<Principal | undefined>>

/**
 * Makes the authentication of one route; it answers at once unless a scheme has to ask somebody.
 *
 * @denies no_credentials when the request carries nothing in any scheme's place
 * @denies invalid_token when it carries something that no scheme recognises; otherwise what the deciding scheme denies
 */
export function authenticate(schemes: readonly Scheme[], options: AuthenticateOptions): Authenticate {
  if (options.public) return () => passed
  const tried = schemes.map((scheme) => scheme.name).join(', ')

  const nobody = (request: Incoming): Verdict<Principal | undefined> => {
    if (schemes.some((scheme) => scheme.addressed(request)))
      return deny('invalid_token', `the credential is of none of ${tried}`)
    return options.optional ? passed : deny('no_credentials', `tried ${tried}`)
  }

  const tryFrom = (
    index: number,
    request: Incoming,
    evidence: Evidence,
    asker: Asker,
  ): Eventually<Verdict<Principal | undefined>> => {
    const scheme = schemes[index]
    if (scheme === undefined) return nobody(request)
    return andThen(scheme.attempt(request, evidence, options.stale, asker), (attempt: Attempt<Principal>) =>
      attempt.kind === 'skip' ? tryFrom(index + 1, request, evidence, asker) : attempt,
    )
  }

  return (request, evidence, asker) => tryFrom(0, request, evidence, asker)
}
