/**
 * The decision: one straight line from the bytes on the wire to the headers that may go upstream.
 *
 *     admit target → match route → client address → limits before identity → authenticate → authorize
 *       → limits after identity → identify
 *
 * A stage that needs no I/O answers at once, so most decisions never leave the call stack;
 * the first stage that refuses ends the line.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'

import type { LimitSubject } from '#ratelimit/key.ts'
import { admit } from '#request/admit.ts'
import { clientAddress, type AddressTest } from '#request/client-address.ts'
import { newEvidence } from '#request/evidence.ts'
import { header, type RawRequest } from '#request/incoming.ts'
import { andThen, deny, pass, passed, type Deny, type Eventually, type Verdict } from '#request/verdict.ts'
import { match } from '#routing/match.ts'
import type { Table } from '#routing/table.ts'
import { newRequestId, newTrace, requestId, traceFrom } from '#telemetry/trace.ts'

import type { AskerFor } from './bad-credentials.ts'
import { ownAnswer } from './own-answer.ts'
import type { Decision, Flight, Permitted, Refused } from './flight.ts'
import type { CompiledRoute } from './route.ts'

/** What decisions are made from: one version of the file. */
export interface Rules {
  readonly table: Table<CompiledRoute>
  /** Whether an address is one of `trusted_proxies`. */
  readonly isTrusted: AddressTest
  /** Who answers for the work that a client's credentials take. */
  readonly askerFor: AskerFor
}

/** Undefined where the route has no such stage: then no time is measured either, for a look at the clock costs more than most stages. */
type Stage = (flight: Flight) => Eventually<Verdict<unknown>> | undefined

/** The line after matching; its order is a contract, and `stages` in request/evidence.ts names its members (after `match`). */
const line: readonly Stage[] = [admitClient, limitBeforeIdentity, authenticate, authorize, limitAfterIdentity, identify]

/** Decides on one request. Throws for nothing that a client can send. */
export function decide(rules: Rules, raw: RawRequest): Eventually<Decision> {
  const admitted = admit(raw)
  if (admitted.kind === 'deny') return refuseUnread(admitted, raw)
  const request = admitted.value
  const trusted = rules.isTrusted(raw.peer)
  const trace = traceFrom(request, trusted)
  const evidence = newEvidence(requestId(request, trusted), trace.trace_id)
  const client = clientAddress(request, rules.isTrusted)
  evidence.client = client // the log names it also where no route is met

  const started = performance.now()
  const answer = ownAnswer(rules.table, request, evidence)
  if (answer !== undefined) return answer
  const matched = match(rules.table, request)
  const ended = performance.now()
  evidence.timings[0] = ended - started
  if (matched.kind === 'deny') return { kind: 'refuse', deny: matched, route: undefined, request, evidence }

  const { route, params } = matched.value
  evidence.route = route.name
  const target = route.rewrite === undefined ? pass(request.target) : route.rewrite(request.target, params)
  if (target.kind === 'deny') return { kind: 'refuse', deny: target, route, request, evidence }
  const flight: Flight = {
    request,
    route,
    evidence,
    trace,
    trusted,
    target: target.value,
    client,
    asker: rules.askerFor(client),
    permit: undefined,
    fields: [],
  }
  return walk(flight, 0, ended)
}

/**
 * Walks the line from one stage on; a promise is waited for, anything else goes on at once.
 *
 * @param now `performance.now()`
 */
function walk(flight: Flight, from: number, now: number): Eventually<Decision> {
  let began = now
  for (let index = from; index < line.length; index += 1) {
    const verdict = line[index]?.(flight)
    if (verdict === undefined) continue
    if (verdict instanceof Promise) {
      return verdict.then((settled) => {
        const ended = performance.now()
        flight.evidence.timings[index + 1] = ended - began
        return settled.kind === 'deny' ? refused(flight, settled) : walk(flight, index + 1, ended)
      })
    }
    const ended = performance.now()
    flight.evidence.timings[index + 1] = ended - began
    began = ended
    if (verdict.kind === 'deny') return refused(flight, verdict)
  }
  return permitted(flight)
}

function admitClient({ client, route }: Flight): Verdict<unknown> | undefined {
  if (route.admitsClient === undefined) return undefined
  return route.admitsClient(client) ? passed : deny('client_denied', `client ${client}`)
}

function limitBeforeIdentity(flight: Flight): Eventually<Verdict<unknown>> | undefined {
  return flight.route.limitBefore?.(limitSubject(flight), flight.evidence)
}

function authenticate(flight: Flight): Eventually<Verdict<unknown>> | undefined {
  const { route, request, evidence, asker } = flight
  if (route.config.public) return undefined
  return andThen(route.authenticate(request, evidence, asker), (verdict): Verdict<unknown> => {
    if (verdict.kind === 'deny') {
      asker.charge(verdict.code)
      return verdict
    }
    evidence.principal = verdict.value
    return evidence.by_cookie ? route.checkOrigin(request) : verdict
  })
}

function authorize(flight: Flight): Verdict<unknown> {
  const verdict = flight.route.authorize(flight.evidence.principal, flight.evidence)
  if (verdict.kind === 'pass') flight.permit = verdict.value
  return verdict
}

function limitAfterIdentity(flight: Flight): Eventually<Verdict<unknown>> | undefined {
  return flight.route.limitAfter?.(limitSubject(flight), flight.evidence)
}

function identify(flight: Flight): Verdict<unknown> {
  const { permit, route, request, trusted, client } = flight
  if (permit === undefined) throw new TypeError('identify runs after authorize')
  const { request_id } = flight.evidence
  const { traceparent, tracestate } = flight.trace
  const verdict = route.identify(permit, request, { client, trusted, request_id, traceparent, tracestate })
  if (verdict.kind === 'pass') flight.fields = verdict.value
  return verdict
}

function limitSubject({ client, request, route, evidence }: Flight): LimitSubject {
  return { client, principal: evidence.principal, route: route.name, header: (name) => header(request, name) }
}

function permitted({ permit, route, request, target, fields, evidence }: Flight): Permitted {
  if (permit === undefined) throw new TypeError('nothing is permitted without a permit')
  return { kind: 'permit', permit, route, request, target, fields, evidence }
}

function refused({ route, request, evidence }: Flight, verdict: Deny): Refused {
  return { kind: 'refuse', deny: verdict, route, request, evidence }
}

/** Refuses a request of which nothing is believed, not even the trace it names: it was not admitted, or nobody looked at it. */
export function refuseUnread(verdict: Deny, raw: RawRequest): Refused {
  const evidence = newEvidence(newRequestId(), newTrace().trace_id)
  evidence.client = raw.peer
  return { kind: 'refuse', deny: verdict, route: undefined, request: undefined, evidence }
}
