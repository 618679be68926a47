/**
 * The question that an open tunnel asks again and again: would its handshake still be let through?
 *
 * It is judged by the file in force, not by the one it began with: whoever takes a key, a role or a route out of the file
 * wants it to end. Limits are not charged, since nothing new is asked for.
 *
 * @module
 */
import { unhindered } from '#request/asker.ts'
import { clientAddress } from '#request/client-address.ts'
import { newEvidence } from '#request/evidence.ts'
import type { Incoming } from '#request/incoming.ts'
import type { Principal } from '#request/principal.ts'
import { andThen, deny, passed, type Eventually, type Verdict } from '#request/verdict.ts'
import { match } from '#routing/match.ts'

import type { Rules } from './decide.ts'

/**
 * Judges a handshake that was let through before.
 *
 * @param told the identity that the service was told of; what it gained since then does not matter
 * @denies upgrade_invalid when the route no longer takes upgrades
 * @denies permission_denied when the credential is another identity's by now, or has lost a role or permission told of
 * @denies as `decide`
 */
export function stillAllowed(
  rules: Rules,
  request: Incoming,
  told: Principal | undefined,
): Eventually<Verdict<unknown>> {
  const matched = match(rules.table, request)
  if (matched.kind === 'deny') return matched
  const { route } = matched.value
  if (!route.config.websocket) return deny('upgrade_invalid', 'websocket: false')
  const client = clientAddress(request, rules.isTrusted)
  if (route.admitsClient?.(client) === false) return deny('client_denied', `client ${client}`)

  const evidence = newEvidence('', '') // nobody reads it
  return andThen(route.authenticate(request, evidence, unhindered), (verdict): Verdict<unknown> => {
    if (verdict.kind === 'deny') return verdict
    const origin = evidence.by_cookie ? route.checkOrigin(request) : passed
    if (origin.kind === 'deny') return origin
    const authorized = route.authorize(verdict.value, evidence)
    return authorized.kind === 'deny' ? authorized : stillTrue(told, verdict.value)
  })
}

/** Whether what the service was told in the headers of the handshake is so still. */
function stillTrue(told: Principal | undefined, now: Principal | undefined): Verdict<unknown> {
  if (told === now || told === undefined) return passed
  if (told.issuer !== now?.issuer || told.subject !== now.subject)
    return deny('permission_denied', 'the credential is no longer of the identity that opened the tunnel')
  const lost = [...without(told.roles, now.roles), ...without(told.permissions, now.permissions)]
  return lost.length === 0 ? passed : deny('permission_denied', `has lost ${lost.join(', ')}`)
}

function without(all: readonly string[], some: readonly string[]): string[] {
  const kept = new Set(some)
  return all.filter((one) => !kept.has(one))
}
