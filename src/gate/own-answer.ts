/**
 * What the gateway answers by itself, without asking who asks: CORS preflights and `OPTIONS *`.
 *
 * @module
 */
import type { Evidence } from '#request/evidence.ts'
import type { Incoming } from '#request/incoming.ts'
import { isPreflight } from '#routing/cors.ts'
import { matchPreflight } from '#routing/match.ts'
import type { Table } from '#routing/table.ts'

import type { Decision } from './flight.ts'
import type { CompiledRoute } from './route.ts'

/** @returns undefined for every request that goes down the line */
export function ownAnswer(table: Table<CompiledRoute>, request: Incoming, evidence: Evidence): Decision | undefined {
  if (request.method !== 'OPTIONS') return undefined
  if (request.target.path === '*') return { kind: 'answer', headers: {}, route: undefined, request, evidence }
  return isPreflight(request) ? preflight(table, request, evidence) : undefined
}

/** A preflight carries no credentials by design, so the route's answer to it may not depend on any (Fetch §3.2.2). */
function preflight(table: Table<CompiledRoute>, request: Incoming, evidence: Evidence): Decision | undefined {
  const matched = matchPreflight(table, request)
  if (matched.kind === 'deny') return undefined
  const { route, methods } = matched.value
  if (route.cors === undefined) return undefined
  evidence.route = route.name
  const verdict = route.cors.preflight(request, methods)
  if (verdict.kind === 'deny') return { kind: 'refuse', deny: verdict, route, request, evidence }
  return { kind: 'answer', headers: verdict.value, route, request, evidence }
}
