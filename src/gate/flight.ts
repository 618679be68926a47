/**
 * A request on its way through the gate, and how the way may end.
 *
 * @module
 */
import type { Evidence } from '#request/evidence.ts'
import type { Incoming } from '#request/incoming.ts'
import type { Permit } from '#request/permit.ts'
import type { Target } from '#request/target.ts'
import type { Deny } from '#request/verdict.ts'
import type { Trace } from '#telemetry/trace.ts'

import type { ClientAsker } from './bad-credentials.ts'
import type { CompiledRoute } from './route.ts'

/** What the stages after matching work on; each fills in what it finds. */
export interface Flight {
  readonly request: Incoming
  readonly route: CompiledRoute
  readonly evidence: Evidence
  readonly trace: Trace
  /** True when the TCP peer is one of `trusted_proxies`. */
  readonly trusted: boolean
  /** What goes upstream as the request line's target. */
  readonly target: Target
  /** Address of the client after `trusted_proxies` were taken off. */
  readonly client: string
  readonly asker: ClientAsker
  permit: Permit | undefined
  /** What goes upstream as headers, once the last stage is through. */
  fields: readonly string[]
}

/** The request may go on to the route's upstream with these headers. */
export interface Permitted {
  readonly kind: 'permit'
  readonly permit: Permit
  readonly route: CompiledRoute
  readonly request: Incoming
  readonly target: Target
  /** Names and values in turn; without Host and framing, which forwarding adds. */
  readonly fields: readonly string[]
  readonly evidence: Evidence
}

/** The request ends here. */
export interface Refused {
  readonly kind: 'refuse'
  readonly deny: Deny
  readonly route: CompiledRoute | undefined
  /** Absent when admission refused it. */
  readonly request: Incoming | undefined
  readonly evidence: Evidence
}

/** The gate answers by itself: CORS preflights and `OPTIONS *`. */
export interface Answered {
  readonly kind: 'answer'
  readonly headers: Readonly<Record<string, string>>
  readonly route: CompiledRoute | undefined
  readonly request: Incoming
  readonly evidence: Evidence
}

export type Decision = Permitted | Refused | Answered
