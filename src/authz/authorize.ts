/**
 * Authorization: does the identity have what the route requires?
 *
 * The only place where a permit is issued, and a request without one cannot be forwarded.
 *
 * @module
 */
import { oncePer } from '#cache/once-per.ts'
import type { Evidence } from '#request/evidence.ts'
import { issuePermit, type Permit } from '#request/permit.ts'
import type { Principal } from '#request/principal.ts'
import { deny, pass, type Verdict } from '#request/verdict.ts'

import { type Check, grantChecks, scopeChecks } from './requirements.ts'
import type { RequireOptions } from './require.ts'

export interface AuthorizeOptions {
  /** Record a refusal in the evidence and let the request pass. */
  readonly shadow: boolean
}

export type Authorize = (principal: Principal | undefined, evidence: Evidence) => Verdict<Permit>

const anonymous = pass(issuePermit(undefined))
const noIdentity = deny('no_credentials', 'anonymous where the route requires grants')

/**
 * Compiles the `require` of a route; undefined requires nothing, not even an identity.
 *
 * Principals are frozen and shared by requests, so each is judged once per route for as long as it is cached.
 *
 * @denies no_credentials for an anonymous request
 * @denies insufficient_scope when a scope is missing; the note says which
 * @denies permission_denied when anything else is
 */
export function authorize(required: RequireOptions | undefined, { shadow }: AuthorizeOptions): Authorize {
  const judge = required === undefined ? admitAll : oncePer(judgeOf(required))
  const nobody = required === undefined ? anonymous : noIdentity

  return (principal, evidence) => {
    const verdict = principal === undefined ? nobody : judge(principal)
    if (verdict.kind === 'pass' || !shadow) return verdict
    evidence.shadow ??= verdict.code
    return pass(issuePermit(principal))
  }
}

function judgeOf(required: RequireOptions): (principal: Principal) => Verdict<Permit> {
  const scopes = scopeChecks(required)
  const grants = grantChecks(required)
  return (principal) => {
    const scope = lacking(scopes, principal)
    if (scope !== '') return deny('insufficient_scope', `lacks ${scope}`)
    const grant = lacking(grants, principal)
    return grant === '' ? admitAll(principal) : deny('permission_denied', `lacks ${grant}`)
  }
}

function admitAll(principal: Principal): Verdict<Permit> {
  return pass(issuePermit(principal))
}

function lacking(checks: readonly Check[], principal: Principal): string {
  return checks.flatMap((check) => check(principal) ?? []).join(', ')
}
