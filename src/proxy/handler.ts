/**
 * The proxy plane: decide, then forward or refuse, then tell.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'

import { answerHeaders } from '#gate/answer-headers.ts'
import { decide, refuseUnread } from '#gate/decide.ts'
import type { Decision, Permitted } from '#gate/flight.ts'
import { answer, refuse, type RefusalContext } from '#http/respond.ts'
import { denials } from '#request/denial.ts'
import type { RawRequest } from '#request/incoming.ts'
import type { Deny } from '#request/verdict.ts'
import type { Overload } from '#resilience/overload.ts'

import type { ForwardPlan, Outcome } from './call.ts'
import { forward } from './forward.ts'
import type { Serving } from './serving.ts'
import type { Ended, Teller } from './tell.ts'

export interface HandlerDeps {
  /** The version of the file that new requests are decided by. */
  readonly current: () => Serving
  readonly teller: Teller
  readonly overload: Pick<Overload, 'refuse' | 'refuseConnection'>
}

/** A request on its way, with the version of the file it began with. */
interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly expectsContinue: boolean
  readonly serving: Serving
  readonly teller: Teller
  /** `performance.now()` when the head had arrived. */
  readonly began: number
}

/** Makes the handler of the listener that clients reach. */
export function createHandler({ current, teller, overload }: HandlerDeps) {
  return (
    req: IncomingMessage,
    res: ServerResponse,
    expectsContinue: boolean,
    surplus: boolean,
  ): void | Promise<void> => {
    const overloaded = surplus ? overload.refuseConnection() : overload.refuse()
    const exchange: Exchange = { req, res, expectsContinue, serving: current(), teller, began: performance.now() }
    teller.begin()
    try {
      if (overloaded !== undefined) return act(refuseUnread(overloaded, rawRequest(req)), exchange)
      const decision = decide(exchange.serving.gate, rawRequest(req))
      if (!(decision instanceof Promise)) return act(decision, exchange)
      return decision.then((settled) => act(settled, exchange)).catch((defect: unknown) => abandon(exchange, defect))
    } catch (defect) {
      abandon(exchange, defect)
    }
  }
}

/** The listener answers and logs defects; here they are counted, among the requests of no route. */
export function abandon(
  { teller, serving, began }: Pick<Exchange, 'teller' | 'serving' | 'began'>,
  defect: unknown,
): never {
  teller.abandon(serving.metricsOf(undefined), began)
  throw defect
}

/** What node:http read, before anything of it is believed. */
export function rawRequest(req: IncomingMessage): RawRequest {
  return {
    method: req.method ?? '',
    url: req.url ?? '',
    version: req.httpVersion,
    headers: req.rawHeaders,
    peer: req.socket.remoteAddress ?? '',
    encrypted: false, // TLS ends before this listener
  }
}

function act(decision: Decision, exchange: Exchange): void {
  switch (decision.kind) {
    case 'permit':
      return send(decision, exchange)
    case 'refuse':
      refuse(exchange.res, decision.deny, refusalContext(decision, decision.deny))
      return tell(decision, exchange, { denial: decision.deny, status: denials[decision.deny.code].status })
    case 'answer':
      answer(exchange.res, 204, { ...decision.headers, 'X-Request-Id': decision.evidence.request_id })
      return tell(decision, exchange, { denial: undefined, status: 204 })
    default:
      return decision satisfies never
  }
}

function send(decision: Permitted, exchange: Exchange): void {
  const { serving, req, res, expectsContinue } = exchange
  const { request, fields, permit } = decision
  const plan = forwardPlan(decision, serving)
  forward(permit, { request, fields, plan, req, res, expectsContinue }, (outcome: Outcome) => {
    if (outcome.denial !== undefined && !outcome.answered)
      refuse(res, outcome.denial, refusalContext(decision, outcome.denial))
    tell(decision, exchange, outcome)
  })
}

/** What the route says about forwarding this request. */
export function forwardPlan({ permit, route, request, target, evidence }: Permitted, serving: Serving): ForwardPlan {
  const responseHeaders = ['X-Request-Id', evidence.request_id]
  for (const [name, value] of Object.entries(answerHeaders(route, request, evidence))) responseHeaders.push(name, value)
  return {
    upstream: serving.upstreamOf(route),
    path: target.origin,
    client: evidence.client ?? request.peer,
    timeout: route.config.timeout,
    maxBody: route.config.max_body,
    pace: route.config.pace,
    responseHeaders,
    dropResponse: serving.dropsOf(route),
    personal: permit.principal !== undefined,
  }
}

/** What a refusal of this request carries besides its own headers. */
export function refusalContext(decision: Decision, denial: Deny): RefusalContext {
  const { route, request, evidence } = decision
  return {
    request_id: evidence.request_id,
    challenge: route?.challenge(denial.code),
    headers: { ...answerHeaders(route, request, evidence), 'X-Request-Id': evidence.request_id },
  }
}

/** Writes down how it ended. */
export function tell(
  decision: Decision,
  { req, serving, teller, began }: Pick<Exchange, 'req' | 'serving' | 'teller' | 'began'>,
  ended: Ended,
): void {
  teller.end(
    { method: req.method ?? '', url: req.url ?? '', began },
    decision,
    serving.metricsOf(decision.route),
    ended,
  )
}
