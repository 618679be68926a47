/**
 * The header sets that services already understand; to add one: a line in `presets`.
 *
 * All of their names are managed whichever preset is in use, so that a service which trusts another set
 * than the one configured is not talked into an identity by a client.
 *
 * @module
 */
import type { IdentityHeader } from './header.ts'

function headers(sources: Readonly<Record<string, string>>): readonly IdentityHeader[] {
  return Object.entries(sources).map(([name, source]) => ({ name, source }))
}

/** Heimdall's own. */
const heimdall = headers({
  'X-Heimdall-Subject': 'subject',
  'X-Heimdall-Issuer': 'issuer',
  'X-Heimdall-Roles': 'roles',
  'X-Heimdall-Permissions': 'permissions',
  'X-Heimdall-Scopes': 'scopes',
  'X-Heimdall-Groups': 'groups',
  'X-Heimdall-Email': 'email',
  'X-Heimdall-Name': 'name',
  'X-Heimdall-Tenant': 'tenant',
  'X-Heimdall-Client': 'client',
  'X-Heimdall-Session': 'session',
  'X-Heimdall-Authenticator': 'authenticator',
})

/** What oauth2-proxy sends with `--pass-user-headers` and, for nginx, with `--set-xauthrequest`. */
const oauth2Proxy = headers({
  'X-Forwarded-User': 'subject',
  'X-Forwarded-Email': 'email',
  'X-Forwarded-Preferred-Username': 'preferred_username',
  'X-Forwarded-Groups': 'groups',
  'X-Auth-Request-User': 'subject',
  'X-Auth-Request-Email': 'email',
  'X-Auth-Request-Preferred-Username': 'preferred_username',
  'X-Auth-Request-Groups': 'groups',
})

/** What Authelia and services with "proxy authentication" use. */
const remoteUser = headers({
  'Remote-User': 'subject',
  'Remote-Groups': 'groups',
  'Remote-Email': 'email',
  'Remote-Name': 'name',
})

/** What Kong's authentication plugins send. */
const kong = headers({
  'X-Consumer-ID': 'subject',
  'X-Consumer-Custom-ID': 'subject',
  'X-Consumer-Username': 'name',
  'X-Credential-Identifier': 'client',
  'X-Authenticated-Groups': 'groups',
})

export const presets = {
  heimdall,
  'oauth2-proxy': oauth2Proxy,
  'remote-user': remoteUser,
  kong,
} as const satisfies Record<string, readonly IdentityHeader[]>

export type PresetName = keyof typeof presets
