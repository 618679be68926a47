/**
 * The bearer token of a request (RFC 6750 §2.1).
 *
 * @module
 */
import { header, type Incoming } from '#request/incoming.ts'

const SCHEME = 'bearer '

/** Token of `Authorization: Bearer …`, whatever characters it has; undefined for another scheme or none. */
export function bearerToken(request: Incoming): string | undefined {
  const authorization = header(request, 'authorization')
  if (authorization?.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined
  let start = SCHEME.length
  while (authorization[start] === ' ') start += 1
  return authorization.slice(start)
}
