/**
 * A route as it counts: its own keys, then the defaults', then ours.
 *
 * Defaults that need an identity (authenticators, `require`, limits by subject or tenant) do not reach public routes;
 * `require` does not reach optional ones either, since leaving the credential out would always get around it.
 *
 * @module
 */
import type { StalePolicy } from '#cache/freshness.ts'
import { needsIdentity, type LimitOptions } from '#ratelimit/limit.ts'
import type { NamedLimit } from '#ratelimit/limiter.ts'
import { defaultName } from '#routing/ties.ts'

import type { RouteConfig, Source } from './config.ts'
import { defined } from './defined.ts'
import type { DefaultsFile, RouteFile } from './route.ts'
import type { ConfigFile } from './schema.ts'

const STALE_WHEN_SERVED = 60_000
const LARGEST_BODY = 10 * 1024 ** 2
const PACE = { at_least: 500, slack: 20_000 }

/** Merges one route; `file` has the defaults and the named limits. */
export function mergeRoute(file: ConfigFile, route: RouteFile, source: Source): RouteConfig {
  const { defaults } = file
  const keys: RouteFile = { ...defaults, ...defined(route) }
  const name = route.name ?? defaultName(route)
  const isPublic = route.public === true
  const open = isPublic || route.optional === true

  return {
    ...defined({
      host: keys.host,
      methods: keys.methods,
      headers: keys.headers,
      require: route.require ?? (open ? undefined : defaults.require),
      timeout: keys.timeout,
      pace: keys.pace === 'off' ? undefined : (keys.pace ?? PACE),
      cors: keys.cors,
      allow_clients: keys.allow_clients,
      strip_prefix: keys.strip_prefix,
      rewrite: keys.rewrite,
    }),
    name,
    path: keys.path,
    upstream: keys.upstream ?? '',
    public: isPublic,
    optional: route.optional === true,
    authenticate: isPublic ? [] : (keys.authenticate ?? []),
    limits: limitsOf(file, route, name).filter((limit) => !isPublic || !needsIdentity(limit)),
    mode: keys.mode ?? 'enforce',
    when_stale: stalePolicy(keys.when_stale ?? 'deny'),
    forward_credential: keys.forward_credential ?? false,
    max_body: keys.max_body ?? LARGEST_BODY,
    deny_clients: keys.deny_clients ?? [],
    allow_encoded: keys.allow_encoded ?? [],
    websocket: keys.websocket ?? true,
    source,
  }
}

function limitsOf(file: ConfigFile, route: RouteFile, routeName: string): NamedLimit[] {
  if (route.limits !== undefined) return named(file.limits, route.limits, routeName)
  return named(file.limits, file.defaults.limits ?? [], 'defaults')
}

/** Limits by name, and limits written in place, which get the name of the place. */
function named(
  limits: Readonly<Record<string, LimitOptions>>,
  written: NonNullable<DefaultsFile['limits']>,
  place: string,
): NamedLimit[] {
  return written.flatMap((one, index) => {
    if (typeof one !== 'string') return [{ name: `${place}:${index}`, ...one }]
    const limit = Object.hasOwn(limits, one) ? limits[one] : undefined
    return limit === undefined ? [] : [{ name: one, ...limit }] // an unknown name is a finding of its own
  })
}

function stalePolicy(written: NonNullable<DefaultsFile['when_stale']>): StalePolicy {
  if (written === 'deny') return 'deny'
  return { serve_for: written === 'serve' ? STALE_WHEN_SERVED : written.serve }
}
