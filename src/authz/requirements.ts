/**
 * Requirements: `require` compiled to checks that say what an identity lacks.
 *
 * @module
 */
import { readClaim } from '#request/claims.ts'
import type { Principal } from '#request/principal.ts'

import type { ClaimValue, RequireOptions } from './require.ts'

/** Says in the operator's words what the principal lacks; undefined when nothing. */
export type Check = (principal: Principal) => string | undefined

type Test = (principal: Principal) => boolean

interface Requirement {
  readonly text: string
  readonly holds: Test
}

/** Compiles the checks on scopes, which the holder of a token can ask its issuer for. */
export function scopeChecks(required: RequireOptions): Check[] {
  return [...allOf(named('scope', required.scopes, hasScope)), ...anyOf(named('scope', required.any_scope, hasScope))]
}

/** Compiles every other check. */
export function grantChecks(required: RequireOptions): Check[] {
  return [
    ...allOf(named('permission', required.permissions, hasPermission)),
    ...anyOf(named('permission', required.any_permission, hasPermission)),
    ...allOf(named('role', required.roles, hasRole)),
    ...anyOf(named('role', required.any_role, hasRole)),
    ...allOf(claimRequirements(required.claims)),
    ...anyOf(claimRequirements(required.any_claim)),
  ]
}

function named(noun: string, names: readonly string[] = [], has: (name: string) => Test): Requirement[] {
  return names.map((name) => ({ text: `${noun} ${name}`, holds: has(name) }))
}

function allOf(requirements: readonly Requirement[]): Check[] {
  return requirements.map(
    ({ text, holds }) =>
      (principal) =>
        holds(principal) ? undefined : text,
  )
}

function anyOf(requirements: readonly Requirement[]): Check[] {
  if (requirements.length === 0) return []
  const text = `any of ${requirements.map((one) => one.text).join(', ')}`
  return [(principal) => (requirements.some(({ holds }) => holds(principal)) ? undefined : text)]
}

function hasScope(scope: string): Test {
  return ({ scopes }) => scopes.includes(scope)
}

function hasRole(role: string): Test {
  return ({ roles }) => roles.includes(role)
}

function hasPermission(permission: string): Test {
  const satisfying = grantsFor(permission)
  return ({ permissions }) => permissions.some((granted) => satisfying.has(granted))
}

/** The grants that have `a:b:c`: itself, `a:b:*`, `a:*` and `*`. A star elsewhere is an ordinary character. */
function grantsFor(permission: string): ReadonlySet<string> {
  const parts = permission.split(':')
  const wider = parts.map((_, count) => [...parts.slice(0, count), '*'].join(':'))
  return new Set([permission, ...wider])
}

function claimRequirements(claims: RequireOptions['claims'] = {}): Requirement[] {
  return Object.entries(claims).flatMap(([path, wanted]) =>
    [wanted].flat().map((value) => ({ text: `claim ${path}=${value}`, holds: hasClaim(path, value) })),
  )
}

/** The claim is the value, or a list that holds it; `1` and `"1"` differ. */
function hasClaim(path: string, value: ClaimValue): Test {
  return ({ claims }) => {
    const claim = readClaim(claims, path)
    return Array.isArray(claim) ? claim.includes(value) : claim === value
  }
}
