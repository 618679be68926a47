/**
 * What a failure means for the client, and whether a second attempt may do better.
 *
 * @module
 */
import type { DenialCode } from '#request/denial.ts'
import type { FailureKind } from '#upstream/upstream-error.ts'

const codes: Readonly<Record<FailureKind, DenialCode>> = {
  unreachable: 'upstream_unreachable',
  connect_timeout: 'upstream_timeout',
  crowded: 'upstream_unavailable',
  broken: 'upstream_failed',
  cut: 'upstream_failed',
  malformed: 'upstream_failed',
  unfit: 'internal_error',
  mismatch: 'request_malformed',
  defect: 'internal_error',
}

/** Names the failure of an exchange. */
export function denialOf(kind: FailureKind): DenialCode {
  return codes[kind]
}

/** Names the failure of a handshake; `sent` tells whether it was on a connection by then. */
export function handshakeDenial(error: Error, sent: boolean): DenialCode {
  const code = 'code' in error ? error.code : undefined
  if (code === 'ETIMEDOUT' || code === 'ECONNECT_TIMEOUT') return 'upstream_timeout'
  return sent ? 'upstream_failed' : 'upstream_unreachable'
}

/** True when the service cannot have seen the request: another target may be asked, but not the same one again. */
export function isUnsent(kind: FailureKind): boolean {
  return kind === 'unreachable' || kind === 'connect_timeout' || kind === 'crowded'
}

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
export function isIdempotent(method: string): boolean {
  return idempotent.has(method)
}
