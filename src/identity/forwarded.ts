/**
 * Where a request came from, told anew: `X-Forwarded-*` and `Forwarded` (RFC 7239).
 *
 * What a client wrote into these is believed from trusted proxies only, and of their chain only the part that
 * trusted proxies vouch for: the first address that a service reads is always the client's.
 *
 * @module
 */
import { isIP } from 'node:net'

import { isAuthority } from '#request/admit.ts'
import { hopAddress, plainAddress } from '#request/client-address.ts'
import { perSpelling } from '#request/fields.ts'
import { headerValues, type Incoming } from '#request/incoming.ts'

/** What the gateway knows of a request beside the request itself. */
export interface ForwardContext {
  /** Address of the client, as `clientAddress` gives it. */
  readonly client: string
  /** True when the peer is one of `trusted_proxies`. */
  readonly trusted: boolean
  readonly request_id: string
  readonly traceparent: string
  readonly tracestate?: string | undefined
}

interface Origin {
  readonly proto: string
  readonly host: string
  readonly port: string
}

const isProto = (text: string): boolean => /^https?$/i.test(text)
const isPort = (text: string): boolean => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535

/** Appends the names and values in turn. */
export function pushForwarded(pairs: string[], request: Incoming, context: ForwardContext): void {
  const { client, trusted } = context
  const { proto, host, port } = trusted ? toldOrigin(request) : ownOrigin(request)
  const proxies = trusted ? vouchedFor(request, client) : none
  const origin = `${node(client)};host="${host}";proto=${proto}`
  pairs.push('X-Forwarded-For', list(client, proxies), 'X-Forwarded-Proto', proto, 'X-Forwarded-Host', host)
  pairs.push('X-Forwarded-Port', port, 'Forwarded', list(origin, proxies.map(node)))
}

const none: readonly string[] = []

function list(first: string, others: readonly string[]): string {
  return others.length === 0 ? first : `${first}, ${others.join(', ')}`
}

/** The trusted proxies after the client, the peer last. */
function vouchedFor(request: Incoming, client: string): readonly string[] {
  const peer = plainAddress(request.peer)
  if (peer === client) return none
  const hops = headerValues(request, 'x-forwarded-for').join(',').split(',')
  const chain = hops.map(hopAddress)
  return [...chain.slice(chain.lastIndexOf(client) + 1), peer]
}

function ownOrigin(request: Incoming): Origin {
  const proto = request.encrypted ? 'https' : 'http'
  return { proto, host: request.authority, port: portOf(request.authority, proto) }
}

function toldOrigin(request: Incoming): Origin {
  const own = ownOrigin(request)
  const proto = told(request, 'x-forwarded-proto', isProto)?.toLowerCase() ?? own.proto
  const host = told(request, 'x-forwarded-host', isAuthority) ?? own.host
  const port = told(request, 'x-forwarded-port', isPort) ?? portOf(host, proto)
  return { proto, host, port }
}

/** A value that the proxy gave once and well-formed. */
function told(request: Incoming, name: string, isWellFormed: (text: string) => boolean): string | undefined {
  const [value, ...others] = headerValues(request, name)
  return value !== undefined && others.length === 0 && isWellFormed(value) ? value : undefined
}

function portOf(authority: string, proto: string): string {
  return writtenPort(authority) || (proto === 'https' ? '443' : '80')
}

/** Empty when the authority has none. */
const writtenPort = perSpelling((authority) => {
  const colon = authority.lastIndexOf(':')
  return colon > authority.lastIndexOf(']') ? authority.slice(colon + 1) : ''
})

/** RFC 7239 §6: IPv6 in brackets and quotes. A peer without an address is `unknown`. */
const node = perSpelling((address) => {
  if (isIP(address) === 0) return 'for=unknown'
  return address.includes(':') ? `for="[${address}]"` : `for=${address}`
})
