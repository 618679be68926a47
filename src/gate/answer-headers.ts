/**
 * Headers that belong to every answer of a route, whoever makes it, refusals too.
 *
 * @module
 */
import { reportHeaders } from '#ratelimit/headers.ts'
import type { Evidence } from '#request/evidence.ts'
import type { Incoming } from '#request/incoming.ts'

import type { CompiledRoute } from './route.ts'

const none: Readonly<Record<string, string>> = {}

/** CORS headers, and the state of limits that say `report: true`. */
export function answerHeaders(
  route: CompiledRoute | undefined,
  request: Incoming | undefined,
  evidence: Evidence,
): Readonly<Record<string, string>> {
  if (route === undefined || request === undefined) return none
  if (route.cors === undefined && !route.reportsLimits) return none
  return {
    ...route.cors?.responseHeaders(request),
    ...(route.reportsLimits ? reportHeaders(evidence) : none),
  }
}
