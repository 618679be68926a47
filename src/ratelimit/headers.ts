/**
 * What clients learn of their limits: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11),
 * lists of structured-field strings (RFC 9651) in whole seconds, rounded so that a client never comes back too early.
 *
 * @module
 */
import type { Evidence, LimitReport } from '#request/evidence.ts'

type Headers = Readonly<Record<string, string>>

const none: Headers = {}

/** Headers about the limits that say `report: true`, and about those that refused the request. */
export function reportHeaders({ limits }: Evidence): Headers {
  const told = limits.filter((limit) => limit.reported || !limit.allowed)
  if (told.length === 0) return none
  return { 'RateLimit-Policy': told.map(policyItem).join(', '), RateLimit: told.map(limitItem).join(', ') }
}

/** Headers of a 429: the above, and `Retry-After`, which holds for the slowest of the limits that refused. */
export function refusalHeaders(evidence: Evidence): Headers {
  const waits = evidence.limits.filter((limit) => !limit.allowed).map((limit) => Math.ceil(limit.reset))
  return { 'Retry-After': String(Math.max(1, ...waits)), ...reportHeaders(evidence) }
}

function policyItem({ limit, quota, period }: LimitReport): string {
  return `${quoted(limit)};q=${quota};w=${Math.ceil(period)}`
}

function limitItem({ limit, remaining, reset }: LimitReport): string {
  return `${quoted(limit)};r=${remaining};t=${Math.ceil(reset)}`
}

/** A structured-field string (RFC 9651 §3.3.3): printable ASCII. */
function quoted(text: string): string {
  return `"${text.replaceAll(/[^ -~]/g, '?').replaceAll(/["\\]/g, String.raw`\$&`)}"`
}
