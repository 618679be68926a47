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
  if (call.res.socket === null) waitInLine(permit, call, done)
  else send(permit, call, done)
}

/**
 * Requests of a pipeline go out one after another: those that change something must (RFC 9112 §9.3.2),
 * and a client that takes no answers shall hold no more than one connection of the upstream.
 */
function waitInLine(permit: Permit, call: Call, done: (outcome: Outcome) => void): void {
  const { socket } = call.req
  const begin = () => {
    socket.off('close', leave)
    send(permit, call, done)
  }
  const leave = () => {
    socket.off('close', leave)
    call.res.off('socket', begin)
    done({ ...refusal(deny('client_closed', 'the client closed its connection')), answered: true })
  }
  call.res.once('socket', begin)
  socket.setMaxListeners(0).once('close', leave)
  if (socket.destroyed) leave()
}

function send(permit: Permit, call: Call, done: (outcome: Outcome) => void): void {
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
