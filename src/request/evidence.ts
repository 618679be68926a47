/**
 * Evidence: how a decision came about, gathered while it is made.
 *
 * The access line, the metrics and every later explanation read it; no stage decides by it.
 *
 * @module
 */
import type { DenialCode } from './denial.ts'
import type { Principal } from './principal.ts'

/** Which layer answered a lookup. `file` is a key listed in the configuration. */
export type CacheLayer = 'l1' | 'l2' | 'source' | 'file'

/** What one limit said. */
export interface LimitReport {
  readonly limit: string
  readonly allowed: boolean
  /** COUNT of the rate. */
  readonly quota: number
  /** Period of the rate in seconds. */
  readonly period: number
  readonly remaining: number
  /** Seconds until `remaining` grows, so until a refused request would pass; 0 when nothing is counted. */
  readonly reset: number
  /** Whether clients may read it on every answer (`report: true`). */
  readonly reported: boolean
  /** `fallback`: Redis was down and `on_store_down` answered. */
  readonly store: 'memory' | 'redis' | 'fallback'
}

/** Names of the timed stages, in order. */
export const stages = [
  'match',
  'client',
  'limits_before',
  'authenticate',
  'authorize',
  'limits_after',
  'identify',
] as const

export interface Evidence {
  readonly request_id: string
  /** W3C trace id, 32 hex digits. */
  readonly trace_id: string
  route: string | undefined
  /** Address of the client after `trusted_proxies` were taken off. */
  client: string | undefined
  principal: Principal | undefined
  /** The authenticator that decided, also when it refused. */
  authenticator: string | undefined
  /** True when the credential came in a cookie, which browsers send on their own: the page's `Origin` must then be checked. */
  by_cookie: boolean
  /** The layer that answered the credential's lookup. */
  cache: CacheLayer | undefined
  /** Milliseconds since the read that the answer rests on. */
  cache_age: number | undefined
  /** True when an answer older than the freshness bound was served because the route says `when_stale: serve`. */
  stale: boolean
  limits: LimitReport[]
  /** The refusal that a route in shadow mode did not enforce. */
  shadow: DenialCode | undefined
  /** Milliseconds spent per stage, in the order of `stages`; NaN where a stage did not run, or the route has none. */
  readonly timings: number[]
}

/** Copied for each request: a typed array would cost five times as much. */
const untimed = stages.map(() => Number.NaN)

export function newEvidence(request_id: string, trace_id: string): Evidence {
  return {
    request_id,
    trace_id,
    route: undefined,
    client: undefined,
    principal: undefined,
    authenticator: undefined,
    by_cookie: false,
    cache: undefined,
    cache_age: undefined,
    stale: false,
    limits: [],
    shadow: undefined,
    timings: untimed.slice(),
  }
}
