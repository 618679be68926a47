/**
 * From a draft that nothing is wrong with to the configuration.
 *
 * @module
 */
import type { Authenticator } from '#authn/schemes.ts'

import type { Draft } from './check.ts'
import type { Config } from './config.ts'
import { defined } from './defined.ts'
import { fromFolder } from './files.ts'
import type { UpstreamOptions } from './upstream.ts'

const EMBEDDED = 'embedded:'

/** Resolves paths of files against the folder of the main file; named limits have come into their routes by then. */
export function resolveConfig({ file, routes, folder }: Draft): Config {
  const { redis, postgres } = file.stores
  return {
    ...defined({ admin: file.admin }),
    listen: file.listen,
    probes: file.probes,
    workers: file.workers,
    grace: file.grace,
    trusted_proxies: file.trusted_proxies,
    roles: file.roles,
    identity: file.identity,
    bad_credentials: file.bad_credentials,
    overload: file.overload,
    log: file.log,
    stores: defined({ redis, postgres: postgres === undefined ? undefined : store(postgres, folder) }),
    upstreams: mapValues(file.upstreams, (upstream) => withBundle(upstream, folder)),
    authenticators: mapValues(file.authenticators, (authenticator) => withKeyFile(authenticator, folder)),
    routes: routes.map(({ merged }) => merged),
  }
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
}

function store(postgres: string, folder: string): string {
  if (!postgres.startsWith(EMBEDDED)) return postgres
  return `${EMBEDDED}${fromFolder(folder, postgres.slice(EMBEDDED.length))}`
}

function withBundle(upstream: UpstreamOptions, folder: string): UpstreamOptions {
  const { tls } = upstream
  return tls === undefined ? upstream : { ...upstream, tls: { ...tls, ca: fromFolder(folder, tls.ca) } }
}

function withKeyFile(authenticator: Authenticator, folder: string): Authenticator {
  const { jwt } = authenticator
  if (jwt?.jwks_file === undefined) return authenticator
  return { ...authenticator, jwt: { ...jwt, jwks_file: fromFolder(folder, jwt.jwks_file) } }
}
