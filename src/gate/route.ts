/**
 * A route, compiled: everything its requests need is a closure made when the file was loaded.
 *
 * @module
 */
import type { Authenticate } from '#authn/authenticate.ts'
import type { Authorize } from '#authz/authorize.ts'
import type { RouteConfig } from '#config/config.ts'
import type { Identify } from '#identity/identify.ts'
import type { LimitSubject } from '#ratelimit/key.ts'
import type { DenialCode } from '#request/denial.ts'
import type { Evidence } from '#request/evidence.ts'
import type { Incoming } from '#request/incoming.ts'
import type { Eventually, Verdict } from '#request/verdict.ts'
import type { Cors } from '#routing/cors.ts'
import type { Rewrite } from '#routing/rewrite.ts'

/** A limiting stage: at once from memory, with a promise from Redis. */
export type LimitStage = (subject: LimitSubject, evidence: Evidence) => Eventually<Verdict<undefined>>

export interface CompiledRoute {
  readonly name: string
  readonly config: RouteConfig
  /** Whether `allow_clients` and `deny_clients` let an address in; absent when everybody may come. */
  readonly admitsClient: ((address: string) => boolean) | undefined
  /** Limits that need no identity; absent when there are none. */
  readonly limitBefore: LimitStage | undefined
  readonly authenticate: Authenticate
  /** Refuses what another site's page sent with the browser's session cookie. */
  readonly checkOrigin: (request: Incoming) => Verdict<undefined>
  readonly authorize: Authorize
  /** Limits that need the identity or the route; absent when there are none. */
  readonly limitAfter: LimitStage | undefined
  /** True when some limit says `report: true`. */
  readonly reportsLimits: boolean
  readonly identify: Identify
  /** `strip_prefix` and `rewrite`; absent when the target goes on as it came. */
  readonly rewrite: Rewrite | undefined
  readonly cors: Cors | undefined
  /** `WWW-Authenticate` of a refusal, where one is due (RFC 6750 §3). */
  readonly challenge: (code: DenialCode) => string | undefined
}
