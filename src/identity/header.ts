/**
 * A header that carries one fact of an identity to the service.
 *
 * @module
 */
import { readClaim } from '#request/claims.ts'
import type { Principal } from '#request/principal.ts'

/** Facts that every principal may have, whatever credential proved it; any other source is a path into the claims. */
export const facts = [
  'subject',
  'issuer',
  'roles',
  'permissions',
  'scopes',
  'groups',
  'email',
  'name',
  'tenant',
  'client',
  'session',
  'authenticator',
] as const satisfies readonly (keyof Principal)[]
export type Fact = (typeof facts)[number]

export interface IdentityHeader {
  /** As it is spelled on the wire. */
  readonly name: string
  /** A fact, or the path of a claim such as `realm_access.org`. */
  readonly source: string
}

/** A text, a list of texts, or undefined when the identity does not have the fact. */
export type FactValue = string | readonly string[] | undefined

/** True for what is read from the principal itself, not from its claims. */
export const isFact = (source: string): source is Fact => (facts as readonly string[]).includes(source)

/** Reads a source; a claim that is an object, or a list that holds one, is no value for a header. */
export function factOf(principal: Principal, source: string): FactValue {
  if (isFact(source)) return principal[source]
  const claim = readClaim(principal.claims, source)
  if (!Array.isArray(claim)) return scalar(claim)
  const texts = claim.map(scalar)
  return texts.every((text) => text !== undefined) ? texts : undefined
}

function scalar(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}
