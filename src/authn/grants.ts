/**
 * Grants: completes a proved identity with what it may do.
 *
 * @module
 */
import { z } from 'zod'

import type { StalePolicy } from '#cache/freshness.ts'
import { internedList } from '#cache/interned-list.ts'
import type { Answer } from '#cache/tiered.ts'
import type { Evidence } from '#request/evidence.ts'
import type { Grants, Principal } from '#request/principal.ts'
import { andThen, deny, pass, type Eventually, type Verdict } from '#request/verdict.ts'
import type { GrantsRecord } from '#stores/reads.ts'

import type { Lookups } from './lookups.ts'
import { recordLookup } from './record-lookup.ts'

/** Permissions of each role, as the file's `roles:` has them. */
export type RoleMap = Readonly<Record<string, readonly string[]>>

/** `grants:` of an authenticator: where roles and permissions come from. */
export const grantsMode = z.enum(['claims', 'directory', 'both'])
export type GrantsMode = z.output<typeof grantsMode>

export interface GrantsOptions {
  readonly mode: GrantsMode
  readonly roles: RoleMap
  readonly lookups: Lookups | undefined
}

/** Completes a principal; the same principal and the same grants give the same frozen object. */
export type CompleteGrants = (
  principal: Principal,
  evidence: Evidence,
  stale: StalePolicy,
) => Eventually<Verdict<Principal>>

/**
 * Makes the completer of one authenticator: adds the directory's grants as `mode` says, then the permissions of every role by the file.
 *
 * @denies store_unavailable when the directory is needed and cannot be asked
 * @denies permission_denied when the directory knows the identity as disabled
 */
export function completeGrants({ mode, roles, lookups }: GrantsOptions): CompleteGrants {
  const permissionsOf = new Map(Object.entries(roles))
  const completed = new WeakMap<Principal, Completed>()

  const complete = (principal: Principal, directory: GrantsRecord | undefined): Verdict<Principal> => {
    const before = completed.get(principal)
    if (before !== undefined && before.directory === directory) return before.verdict
    const sources: Grants[] = []
    if (mode !== 'directory') sources.push(principal)
    if (directory !== undefined) sources.push(directory)
    const verdict = pass(withGrants(principal, sources, permissionsOf))
    completed.set(principal, { directory, verdict })
    return verdict
  }

  if (mode === 'claims') return (principal) => complete(principal, undefined)
  if (lookups === undefined) return () => deny('store_unavailable', 'grants come from the directory and there is none')
  return (principal, evidence, stale) =>
    andThen(lookups.grants(principal.issuer, principal.subject, stale), (found: Answer<GrantsRecord>) => {
      if (found.kind === 'deny') return found
      recordLookup(evidence, found)
      if (found.kind !== 'found') return deny('store_unavailable', 'the grants of the identity cannot be had')
      if (!found.value.active) return deny('permission_denied', 'the directory knows the identity as disabled')
      return complete(principal, found.value)
    })
}

interface Completed {
  readonly directory: GrantsRecord | undefined
  readonly verdict: Verdict<Principal>
}

function withGrants(
  principal: Principal,
  sources: readonly Grants[],
  permissionsOf: ReadonlyMap<string, readonly string[]>,
): Principal {
  const roles = internedList(sources.flatMap((source) => source.roles))
  const permissions = internedList([
    ...sources.flatMap((source) => source.permissions),
    ...roles.flatMap((role) => permissionsOf.get(role) ?? []),
  ])
  if (roles === principal.roles && permissions === principal.permissions) return principal
  return Object.freeze({ ...principal, roles, permissions })
}
