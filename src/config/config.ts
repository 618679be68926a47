/**
 * The configuration as the rest of the gateway reads it: names checked, defaults merged, units resolved.
 *
 * Times are milliseconds, sizes bytes, paths of files absolute.
 *
 * @module
 */
import type { Authenticator } from '#authn/schemes.ts'
import type { RequireOptions } from '#authz/require.ts'
import type { StalePolicy } from '#cache/freshness.ts'
import type { IdentityHeaders } from '#identity/options.ts'
import type { NamedLimit } from '#ratelimit/limiter.ts'
import type { EncodedKind } from '#request/target.ts'
import type { CorsOptions } from '#routing/cors.ts'
import type { Address } from '#values/network.ts'
import type { Rate } from '#values/units.ts'

import type { OverloadOptions } from './overload.ts'
import type { UpstreamOptions } from './upstream.ts'

/** Where a route is written, for messages. */
export interface Source {
  readonly file: string
  readonly line: number
}

export interface RouteConfig {
  /** Unique; metric label and limit key. */
  readonly name: string
  readonly path: string
  readonly host?: string
  readonly methods?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  /** A key of `Config.upstreams`. */
  readonly upstream: string
  readonly public: boolean
  readonly optional: boolean
  /** Keys of `Config.authenticators`, in the order of trial; empty on public routes, at least one on all others. */
  readonly authenticate: readonly string[]
  readonly require?: RequireOptions
  readonly limits: readonly NamedLimit[]
  readonly mode: 'enforce' | 'shadow'
  readonly when_stale: StalePolicy
  readonly forward_credential: boolean
  /** Milliseconds for the whole answer; absent: the upstream's own timeouts hold. */
  readonly timeout?: number
  /** Bytes. */
  readonly max_body: number
  /** Bytes per second and milliseconds; absent: clients may be as slow as they like. */
  readonly pace?: { readonly at_least: number; readonly slack: number }
  readonly cors?: CorsOptions
  readonly allow_clients?: readonly string[]
  readonly deny_clients: readonly string[]
  readonly allow_encoded: readonly EncodedKind[]
  readonly strip_prefix?: string
  readonly rewrite?: string
  readonly websocket: boolean
  readonly source: Source
}

export interface Config {
  readonly listen: Address
  readonly probes: Address
  readonly admin?: Address
  /** Processes on one port; `auto`: one per processor. */
  readonly workers: number | 'auto'
  /** Milliseconds a drain may take. */
  readonly grace: number
  /** Addresses and networks, for `inNetworks`. */
  readonly trusted_proxies: readonly string[]
  /** `postgres` is a URL or `embedded:/absolute/folder`. */
  readonly stores: { readonly redis?: string; readonly postgres?: string }
  readonly upstreams: Readonly<Record<string, UpstreamOptions>>
  readonly authenticators: Readonly<Record<string, Authenticator>>
  /** Permissions of each role. */
  readonly roles: Readonly<Record<string, readonly string[]>>
  readonly identity: { readonly headers: IdentityHeaders }
  /** How many credentials a client may have checked in vain; the period in milliseconds. */
  readonly bad_credentials: Rate | 'off'
  readonly routes: readonly RouteConfig[]
  readonly overload: OverloadOptions
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' }
}
