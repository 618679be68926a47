/**
 * A scheme: one way to prove who is asking.
 *
 * To add one: a file in `schemes/` and a line in `schemes.ts`.
 *
 * @module
 */
import type { z } from 'zod'

import type { StalePolicy } from '#cache/freshness.ts'
import type { Asker } from '#request/asker.ts'
import type { Evidence } from '#request/evidence.ts'
import type { Incoming } from '#request/incoming.ts'
import type { Principal } from '#request/principal.ts'
import type { Attempt, Eventually } from '#request/verdict.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import type { RoleMap } from './grants.ts'
import type { KeySets } from './key-sets.ts'
import type { Lookups } from './lookups.ts'

/** Where a scheme's credential sits in a request, so that it goes no further than the gateway. */
export interface CredentialPlace {
  /** Lower-case header names. */
  readonly headers: readonly string[]
  readonly cookie?: string
}

export interface Scheme {
  /** The authenticator's name in the file. */
  readonly name: string
  readonly kind: Principal['scheme']
  readonly credential: CredentialPlace
  /** Scheme of the `WWW-Authenticate` challenge, `Bearer` for instance; absent where none is registered (cookies, keys). */
  readonly challenge?: string
  /**
   * True when the request carries something in this scheme's place, whoever's it is:
   * a request that nobody's `attempt` recognises is `invalid_token` if any scheme is `addressed`, else `no_credentials`.
   */
  addressed(request: Incoming): boolean
  /**
   * Passes, denies, or skips a credential that is not this scheme's; fills `authenticator`, `cache` and `cache_age` of the evidence.
   * Before it checks a signature or lets a lookup go beyond memory, it asks the asker for leave.
   */
  attempt(request: Incoming, evidence: Evidence, stale: StalePolicy, asker: Asker): Eventually<Attempt<Principal>>
}

/** What schemes are built from; all but `roles` and `claims` lives as long as the process, across reloads. */
export interface AuthnDeps {
  /** Wall clock, milliseconds since the epoch. */
  readonly clock: () => number
  readonly keySets: KeySets
  /** Absent without a Postgres: sessions and stored keys cannot be had then. */
  readonly lookups: Lookups | undefined
  /** Permissions of each role, from the file that is being put in force. */
  readonly roles: RoleMap
  /** Paths of the claims that this file reads beyond the usual facts: no others are kept. */
  readonly claims: readonly string[]
  readonly metrics: Metrics
  readonly log: Logger
}

/** A kind of scheme with the schema of its options in the file. */
export interface SchemeKind<Name extends string, Options extends z.ZodType> {
  /** Key in the file: `jwt`, `session`, `api_key`. */
  readonly name: Name
  readonly options: Options
  create(name: string, options: z.output<Options>, deps: AuthnDeps): Scheme
}

/** Keeps the option type with the kind, so that `create` is checked against `options`. */
export function defineScheme<Name extends string, Options extends z.ZodType>(
  kind: SchemeKind<Name, Options>,
): SchemeKind<Name, Options> {
  return kind
}
