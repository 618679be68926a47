/**
 * What an error of undici means for the client and for the upstream.
 *
 * @module
 */
import type { DenialCode } from '#request/denial.ts'

import { ConnectTimeout, isConnectError } from './connector.ts'

/** Names an error: `sent` tells whether the request was on a connection when it happened. */
export function failureCode(error: Error, sent: boolean): DenialCode {
  const code = 'code' in error ? error.code : undefined
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return 'internal_error'
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') return 'request_malformed'
  if (error instanceof ConnectTimeout || code === 'ETIMEDOUT' || code === 'ECONNECT_TIMEOUT') return 'upstream_timeout'
  return sent ? 'upstream_failed' : 'upstream_unreachable'
}

const brokenConnection: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ECONNABORTED'])

/** True when the connection failed, as opposed to what was said on it: a second attempt may do better. */
export function isConnectionFailure(error: Error, sent: boolean): boolean {
  return !sent || ('code' in error && brokenConnection.has(error.code))
}

/**
 * True when a kept connection broke before the request was on it: the service has not seen a byte, whatever the method.
 * undici gives up the request that waits for such a connection along with it.
 */
export function isStale(error: Error, sent: boolean): boolean {
  return !sent && 'code' in error && brokenConnection.has(error.code) && !isConnectError(error)
}

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
export function isIdempotent(method: string): boolean {
  return idempotent.has(method)
}
