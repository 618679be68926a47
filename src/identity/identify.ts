/**
 * Identification: the headers with which a request goes on to the service.
 *
 * First everything that is not the client's to say is taken away, then ours is added; a fact that the identity
 * does not have is an absent header, never the client's.
 *
 * @module
 */
import type { Incoming } from '#request/incoming.ts'
import type { Permit } from '#request/permit.ts'
import { pass, type Verdict } from '#request/verdict.ts'

import type { IdentityBlock } from './block.ts'
import { createFirewall, type FirewallOptions } from './firewall.ts'
import { pushForwarded, type ForwardContext } from './forwarded.ts'

export interface IdentifyOptions extends FirewallOptions {
  /** Shared by all routes, so that an identity's headers are made once. */
  readonly block: IdentityBlock
}

/** Gives every header that goes upstream but the framing ones and `Host`: names and values in turn. */
export type Identify = (permit: Permit, request: Incoming, context: ForwardContext) => Verdict<string[]>

/**
 * Builds the stage of a route.
 *
 * @denies identity_too_large as `identityBlock`
 */
export function identify({ block, ...firewall }: IdentifyOptions): Identify {
  const strip = createFirewall(firewall)

  return ({ principal }, request, context) => {
    const identity = principal === undefined ? undefined : block(principal)
    if (identity?.kind === 'deny') return identity

    const pairs = strip(request)
    pushForwarded(pairs, request, context)
    pairs.push('X-Request-Id', context.request_id, 'traceparent', context.traceparent)
    if (context.tracestate !== undefined) pairs.push('tracestate', context.tracestate)
    if (identity !== undefined) pairs.push(...identity.value)
    return pass(pairs)
  }
}
