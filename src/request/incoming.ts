/**
 * A request in flight: what admission made of the bytes on the wire.
 *
 * @module
 */
import type { Target } from './target.ts'

/** What the listener hands over, before anything of it is believed. */
export interface RawRequest {
  readonly method: string
  /** Request target as on the request line. */
  readonly url: string
  /** `1.0` or `1.1`. */
  readonly version: string
  /** Names and values in turn, as on the wire. */
  readonly headers: readonly string[]
  /** Address of the TCP peer. */
  readonly peer: string
  /** True when the connection from the peer is TLS. */
  readonly encrypted: boolean
}

export interface Incoming {
  readonly method: string
  readonly target: Target
  /** The `Host` header as sent. */
  readonly authority: string
  /** Host in lower case, without port and trailing dot: what routes are matched on. */
  readonly host: string
  /** Field names in lower case, in the order of the wire. */
  readonly names: readonly string[]
  readonly values: readonly string[]
  /** Names and values in turn as on the wire: what is forwarded keeps its spelling. */
  readonly raw: readonly string[]
  readonly peer: string
  readonly encrypted: boolean
  /** `chunked`, the number of bytes, or 0 without a body. */
  readonly body: 'chunked' | number
  /** HTTP/1.0 clients understand neither chunked answers nor 1xx. */
  readonly legacy: boolean
}

/** First value of a header, by its lower-case name. Singletons (`fields.ts`) have no second one. */
export function header(request: Incoming, name: string): string | undefined {
  const index = request.names.indexOf(name)
  return index === -1 ? undefined : request.values[index]
}

/** Every value of a header, by its lower-case name. */
export function headerValues(request: Incoming, name: string): string[] {
  const found: string[] = []
  for (let index = request.names.indexOf(name); index !== -1; index = request.names.indexOf(name, index + 1))
    found.push(request.values[index] ?? '')
  return found
}
