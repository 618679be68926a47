/**
 * The bearer token of a request (RFC 6750 §2.1).
 *
 * @module
 */
import { header, type Incoming } from '#request/incoming.ts'

const bearerPattern = /^bearer +([^\s]+)$/i

/** Token of `Authorization: Bearer …`, or undefined for another scheme or a malformed header. */
export function bearerToken(request: Incoming): string | undefined {
  const authorization = header(request, 'authorization')
  return authorization === undefined ? undefined : bearerPattern.exec(authorization)?.[1]
}
