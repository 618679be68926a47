/**
 * Cross-site request forgery: a session cookie proves who the browser belongs to, not which page sent the request.
 *
 * @module
 */
import { header, headerValues, type Incoming } from '#request/incoming.ts'
import { deny, passed, type Verdict } from '#request/verdict.ts'

const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']) // RFC 9110 §9.2.1, without TRACE
const websocket = /(?:^|,)\s*websocket\s*(?:,|$)/i
const originPattern = /^(https?):\/\/([^/?#@\\]+)$/i

/**
 * Checks where a request that a session cookie authenticated came from, when it changes state or opens a WebSocket.
 * Its page must be of this host (same host and port) or of a listed origin.
 *
 * Without `Origin` (programs, old browsers) `Sec-Fetch-Site` may object; a WebSocket, which no browser opens
 * without it, needs `Origin`.
 *
 * @param allowed origins as in `cors`, compared exactly
 * @denies origin_denied
 */
export function originAllowed(request: Incoming, allowed: readonly string[]): Verdict<undefined> {
  const upgrade = websocket.test(header(request, 'upgrade') ?? '')
  if (!upgrade && safe.has(request.method)) return passed
  const [origin, ...more] = headerValues(request, 'origin')
  if (more.length > 0) return deny('origin_denied', 'more than one Origin')
  if (origin === undefined) return upgrade ? deny('origin_denied', 'WebSocket without Origin') : fetchedHere(request)
  return allowed.includes(origin) || isOwn(origin, request)
    ? passed
    : deny('origin_denied', 'session cookie from a page of another origin')
}

/** Fetch Metadata: `none` is the user's own doing, the address bar for instance. */
function fetchedHere(request: Incoming): Verdict<undefined> {
  const site = header(request, 'sec-fetch-site') ?? 'none'
  return site === 'none' || site === 'same-origin' ? passed : deny('origin_denied', 'Sec-Fetch-Site of another origin')
}

/** TLS may have ended before us, so `https` pages are ours on plain connections too, but never the other way round. */
function isOwn(origin: string, request: Incoming): boolean {
  const [, scheme = '', host] = originPattern.exec(origin) ?? []
  if (host === undefined || (request.encrypted && scheme.toLowerCase() !== 'https')) return false
  const port = scheme.toLowerCase() === 'https' ? ':443' : ':80'
  return withoutPort(host, port) === withoutPort(request.authority, port)
}

function withoutPort(authority: string, port: string): string {
  const lower = authority.toLowerCase()
  return lower.endsWith(port) ? lower.slice(0, -port.length) : lower
}
