/**
 * Managed names: headers that only the gateway may set, because services believe them.
 *
 * They are compared in the form that `collapse` (request/fields.ts) gives them, so that `X_Heimdall.Subject`
 * is as little a client's to send as `X-Heimdall-Subject`. Seen in the field: CVE-2025-64484, CVE-2026-39858,
 * CVE-2026-88011 (aliases), CVE-2023-27487, CVE-2026-40575 (rewrite headers), CVE-2026-35051, CVE-2026-54764 (a forgotten sibling).
 *
 * @module
 */
import { collapse, perSpelling } from '#request/fields.ts'

import { headersOf, type IdentityHeaders } from './options.ts'
import { presets } from './presets.ts'

/** Families: every name that begins so. */
const families = [
  'X_HEIMDALL',
  'X_FORWARDED',
  'X_ORIGINAL',
  'X_ENVOY',
  'X_AUTH_REQUEST',
  'X_AUTHENTICATED',
  'X_CONSUMER',
  'X_CREDENTIAL',
]

const singleNames = [
  // Who the client is said to be.
  'Forwarded',
  'X-Real-IP',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'X-Remote-IP',
  'X-Remote-Addr',
  'X-ProxyUser-IP',
  'X-Originating-IP',
  'X-AppEngine-User-IP',
  'X-Azure-ClientIP',
  'X-Azure-SocketIP',
  'Client-IP',
  'True-Client-IP',
  'X-True-Client-IP',
  'Proxy-Client-IP',
  'WL-Proxy-Client-IP',
  'CF-Connecting-IP',
  'CF-Connecting-IPv6',
  'CF-Pseudo-IPv4',
  'Fastly-Client-IP',
  'Client-Cert', // RFC 9440
  'Client-Cert-Chain',
  'SSL-Client-Cert',
  'X-SSL-Client-Cert',
  'X-SSL-Client-Verify',
  'X-SSL-Client-S-DN',
  // What the client is said to have asked for.
  'X-Host',
  'X-HTTP-Host-Override',
  'X-Scheme',
  'X-URL-Scheme',
  'Front-End-Https',
  'X-Rewrite-URL',
  'X-HTTP-Method',
  'X-HTTP-Method-Override',
  'X-Method-Override',
  // CGI turns it into HTTP_PROXY, which libraries take for their own setting (CVE-2016-5385).
  'Proxy',
  // Chosen by the gateway.
  'X-Request-Id',
  'traceparent',
  'tracestate',
  // Of other presets' products, beside what the presets set.
  'X-Anonymous-Consumer',
]

/** True for a name, as `collapse` gives it, that only the gateway may set. */
export type ManagedTest = (collapsed: string) => boolean

/** Managed names of a gateway that sends the header sets `inUse`; those of every preset are among them. */
export function managedNames(inUse: readonly IdentityHeaders[]): ManagedTest {
  const sets = [...Object.values(presets), ...inUse.map(headersOf)]
  const exact = new Set([...singleNames, ...sets.flat().map((header) => header.name)].map(collapse))
  return (collapsed) => exact.has(collapsed) || families.some((family) => collapsed.startsWith(family))
}

/**
 * Tells which headers of a service's answer go no further: a client must not take a service's word for the gateway's.
 * The inner function takes a name as on the wire.
 */
export function responseDrops(isManaged: ManagedTest): (name: string) => boolean {
  return perSpelling((name) => isManaged(collapse(name)))
}
