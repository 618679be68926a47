/**
 * Why an exchange failed.
 *
 * @module
 */

/**
 * `unreachable`, `connect_timeout`: no connection came about, nothing was sent.
 * `crowded`: too many wait for a connection.
 * `broken`: the connection ended before any byte of an answer.
 * `cut`: it ended, or failed, within the answer.
 * `malformed`: what came is no answer.
 * `unfit`: the request cannot be written down.
 * `mismatch`: the body is not as long as announced.
 * `defect`: the exchange has thrown something at what it was told.
 */
export type FailureKind =
  | 'unreachable'
  | 'connect_timeout'
  | 'crowded'
  | 'broken'
  | 'cut'
  | 'malformed'
  | 'unfit'
  | 'mismatch'
  | 'defect'

/** The failure of an exchange, with its kind. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  readonly kind: FailureKind

  constructor(kind: FailureKind, message: string, cause?: Error) {
    super(message, { cause })
    this.kind = kind
  }
}
