/**
 * Forwarding: sends a permitted request to its upstream and the answer back, as both arrive.
 *
 * @module
 */
import type { Permit } from '#request/permit.ts'
import { deny } from '#request/verdict.ts'

import { refusal, type Call, type Outcome } from './call.ts'
import { Relay } from './relay.ts'

/**
 * Forwards a request.
 *
 * @param permit proof that the request was authorized
 * @param done called once, after the last byte or the refusal
 * @denies body_too_large, upstream_unavailable, upstream_unreachable, upstream_failed, upstream_timeout,
 *   request_timeout, client_closed
 */
export function forward(permit: Permit, call: Call, done: (outcome: Outcome) => void): void {
  const { request, plan } = call
  if (request.body !== 'chunked' && request.body > plan.maxBody) {
    done(refusal(deny('body_too_large', `${request.body} bytes announced, ${plan.maxBody} allowed`)))
    return
  }
  if (plan.upstream.backends.every((backend) => backend.full)) {
    done(refusal(deny('upstream_unavailable', 'too many requests wait for a connection')))
    return
  }
  const attempt = plan.upstream.breaker.admit()
  if (attempt === undefined) {
    done(refusal(plan.upstream.unavailable))
    return
  }
  new Relay({ principal: permit.principal, client: plan.client }, call, done).start(attempt)
}
