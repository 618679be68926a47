/**
 * Compilation: one version of the file becomes the rules that requests are decided by.
 *
 * Everything a route needs is looked up here, once; a reload compiles anew and swaps one reference,
 * and requests in flight finish on the rules they began with.
 *
 * @module
 */
import { authenticate } from '#authn/authenticate.ts'
import { challenges } from '#authn/challenge.ts'
import type { Scheme } from '#authn/scheme.ts'
import { buildSchemes, type SchemesDeps } from '#authn/schemes.ts'
import { authorize } from '#authz/authorize.ts'
import type { Config, RouteConfig } from '#config/config.ts'
import { identityBlock } from '#identity/block.ts'
import type { CredentialPlaces } from '#identity/firewall.ts'
import { isFact } from '#identity/header.ts'
import { identify, type IdentifyOptions } from '#identity/identify.ts'
import { headersOf } from '#identity/options.ts'
import { managedNames, responseDrops } from '#identity/managed.ts'
import { admitLimits, type LimitDeps } from '#ratelimit/admit.ts'
import { beforeIdentity } from '#ratelimit/limit.ts'
import { inNetworks, type AddressTest } from '#request/client-address.ts'
import { perSpelling } from '#request/fields.ts'
import { compileCors } from '#routing/cors.ts'
import { originAllowed } from '#routing/origin.ts'
import { compileRewrite } from '#routing/rewrite.ts'
import { buildTable } from '#routing/table.ts'

import type { BadCredentials } from './bad-credentials.ts'
import type { Rules } from './decide.ts'
import type { CompiledRoute, LimitStage } from './route.ts'

/** What rules are compiled with; lives as long as the process. */
export interface GateDeps {
  readonly authn: SchemesDeps
  readonly limits: LimitDeps
  readonly badCredentials: BadCredentials
}

/** Rules with what the proxy needs beside them. */
export interface Gate extends Rules {
  readonly routes: readonly CompiledRoute[]
  /** Whether a header of a service's answer is one that only the gateway may set. */
  readonly dropsResponseHeader: (name: string) => boolean
}

type SharedIdentity = Omit<IdentifyOptions, 'forward_credential'>

/** Compiles a checked configuration. */
export function compileGate(config: Config, deps: GateDeps): Gate {
  const schemes = buildSchemes(config.authenticators, deps.authn, { roles: config.roles, claims: claimsRead(config) })
  const isManaged = managedNames([config.identity.headers])
  const identity: SharedIdentity = {
    isManaged,
    credentials: credentialPlaces([...schemes.values()]),
    block: identityBlock(config.identity.headers),
  }
  const routes = config.routes.map((route) => compileRoute(route, schemes, identity, deps))
  const table = buildTable(
    routes.map((route) => ({
      name: route.name,
      path: route.config.path,
      host: route.config.host,
      methods: route.config.methods,
      headers: route.config.headers,
      allow_encoded: route.config.allow_encoded,
      route,
    })),
  )
  const dropsResponseHeader = responseDrops(isManaged)
  const askerFor = deps.badCredentials.askers(config.bad_credentials)
  return { table, isTrusted: trustedProxies(config), askerFor, routes, dropsResponseHeader }
}

/** The same few proxies bring all requests, and each is asked about twice: a list of networks takes half a microsecond. */
function trustedProxies({ trusted_proxies: cidrs }: Config): AddressTest {
  return cidrs.length === 0 ? inNetworks(cidrs) : perSpelling(inNetworks(cidrs))
}

function compileRoute(
  config: RouteConfig,
  schemes: ReadonlyMap<string, Scheme>,
  identity: SharedIdentity,
  deps: GateDeps,
): CompiledRoute {
  const { optional, public: isPublic, when_stale: stale } = config
  const tried = config.authenticate.flatMap((name) => schemes.get(name) ?? [])
  const shadow = config.mode === 'shadow'
  const cors = config.cors === undefined ? undefined : compileCors(config.cors)
  const rewrites = config.strip_prefix !== undefined || config.rewrite !== undefined
  const required = [...(config.require?.scopes ?? []), ...(config.require?.any_scope ?? [])]

  return {
    name: config.name,
    config,
    admitsClient: compileClients(config),
    limitBefore: limitStage(config, true, deps),
    authenticate: authenticate(tried, { optional, public: isPublic, stale }),
    checkOrigin: (request) => originAllowed(request, cors?.credentialed ?? []),
    authorize: authorize(config.require, { shadow }),
    limitAfter: limitStage(config, false, deps),
    reportsLimits: config.limits.some((limit) => limit.report),
    identify: identify({ ...identity, forward_credential: config.forward_credential }),
    rewrite: rewrites ? compileRewrite(config) : undefined,
    cors,
    challenge: (code) => challenges(tried, code, required),
  }
}

function limitStage(config: RouteConfig, before: boolean, deps: GateDeps): LimitStage | undefined {
  const limits = config.limits.filter((limit) => beforeIdentity(limit) === before)
  return limits.length === 0 ? undefined : admitLimits(limits, { shadow: config.mode === 'shadow' }, deps.limits)
}

function compileClients({ allow_clients, deny_clients }: RouteConfig): ((address: string) => boolean) | undefined {
  if (allow_clients === undefined && deny_clients.length === 0) return undefined
  const denied = inNetworks(deny_clients)
  const allowed = allow_clients === undefined ? () => true : inNetworks(allow_clients)
  return (address) => allowed(address) && !denied(address)
}

/** Paths of claims that decisions and headers of this file rest on, beyond the facts that every principal has. */
function claimsRead({ routes, identity }: Config): string[] {
  const required = routes.flatMap(({ require }) => [require?.claims, require?.any_claim])
  const told = headersOf(identity.headers).filter(({ source }) => !isFact(source))
  const paths = [...required.flatMap((claims) => Object.keys(claims ?? {})), ...told.map(({ source }) => source)]
  return [...new Set(paths)].toSorted()
}

/** Every authenticator's places, for a credential sent to the wrong route is still a credential. */
function credentialPlaces(schemes: readonly Scheme[]): CredentialPlaces {
  return {
    headers: schemes.flatMap((scheme) => scheme.credential.headers),
    cookies: schemes.flatMap((scheme) => scheme.credential.cookie ?? []),
  }
}
