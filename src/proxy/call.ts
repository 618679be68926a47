/**
 * What goes into forwarding and what comes out of it.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

import { denials } from '#request/denial.ts'
import type { Incoming } from '#request/incoming.ts'
import type { Deny } from '#request/verdict.ts'

import type { Pace } from './pace.ts'
import type { AnswerRules } from './response-fields.ts'
import type { Upstream } from './upstream.ts'

/** What the route says about forwarding. */
export interface ForwardPlan extends AnswerRules {
  readonly upstream: Upstream
  /** Path and query for the upstream, in origin-form. */
  readonly path: string
  /** Address of the client, for `balance: hash(client)`. */
  readonly client: string
  /** Milliseconds for the whole exchange; for event streams, until their head. */
  readonly timeout?: number | undefined
  /** Most bytes of the request's body. */
  readonly maxBody: number
  /** How slowly the client may send and take bodies; as slowly as it likes when absent. */
  readonly pace?: Pace | undefined
}

/** A request to forward. */
export interface Call {
  readonly request: Incoming
  /** Names and values in turn; without `Host`, framing and hop-by-hop fields, which are added here. */
  readonly fields: readonly string[]
  readonly plan: ForwardPlan
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** True when the client waits for `100 Continue` before it sends its body. */
  readonly expectsContinue?: boolean
}

/** How forwarding ended; told exactly once. */
export interface Outcome {
  /** True when an answer has begun or nobody is left to read one: nothing more may be written. Else `denial` is to be answered. */
  readonly answered: boolean
  /** Why it did not end well. */
  readonly denial: Deny | undefined
  /** Of the upstream's answer, or of the denial. */
  readonly status: number
  /** Bytes of the upstream's body that were passed on. */
  readonly bytes: number
  /** Milliseconds until the head of the upstream's answer; NaN when none came. */
  readonly upstream_ms: number
  /** The backend that was asked last: `http://10.0.0.7:3000`. */
  readonly target: string | undefined
}

/** An outcome without any contact to the upstream. */
export function refusal(denial: Deny): Outcome {
  const { status } = denials[denial.code]
  return { answered: false, denial, status, bytes: 0, upstream_ms: Number.NaN, target: undefined }
}
