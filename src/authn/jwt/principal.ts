/**
 * From the facts of a verified token to a principal.
 *
 * @module
 */
import type { Principal } from '#request/principal.ts'

import type { Facts } from './facts.ts'

/** Who says so: what is the same for all tokens of an authenticator. */
export interface Vouching {
  readonly authenticator: string
  readonly issuer: string
}

/**
 * Makes the frozen principal of a verified token; what the token does not say is absent.
 *
 * @param expires_at `exp` in milliseconds since the epoch
 */
export function principalOf(facts: Facts, expires_at: number, { authenticator, issuer }: Vouching): Principal {
  const { subject, roles, permissions, groups, scopes, email, name, tenant, client, claims } = facts
  const principal: { -readonly [Fact in keyof Principal]: Principal[Fact] } = {
    issuer,
    subject,
    authenticator,
    scheme: 'jwt',
    roles,
    permissions,
    groups,
    scopes,
    expires_at,
    claims,
  }
  if (email !== undefined) principal.email = email
  if (name !== undefined) principal.name = name
  if (tenant !== undefined) principal.tenant = tenant
  if (client !== undefined) principal.client = client
  return Object.freeze(principal)
}
