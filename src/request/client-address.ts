/**
 * The client's address: the TCP peer, or what trusted proxies say about it.
 *
 * `X-Forwarded-For` is read from the right, and only as long as each hop is trusted: what stands to the left
 * of the first untrusted address was written by somebody nobody vouches for.
 *
 * @module
 */
import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net'

import { perSpelling } from './fields.ts'
import { headerValues, type Incoming } from './incoming.ts'

export type AddressTest = (address: string) => boolean

/** Builds a membership test for CIDRs such as `10.0.0.0/8` or `::1`; IPv4-mapped IPv6 addresses count as IPv4. */
export function inNetworks(cidrs: readonly string[]): AddressTest {
  if (cidrs.length === 0) return () => false
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/** Address of the client in canonical form: IPv4-mapped IPv6 (`::ffff:192.0.2.1`) becomes IPv4. */
export function clientAddress(request: Incoming, trusted: AddressTest): string {
  let client = plainAddress(request.peer)
  if (!trusted(client)) return client
  const hops = headerValues(request, 'x-forwarded-for').join(',').split(',')
  for (const hop of hops.toReversed()) {
    const address = hopAddress(hop)
    if (isIP(address) === 0) return client
    client = address
    if (!trusted(address)) return address
  }
  return client
}

const withPort = /^(?:\[([0-9a-f:.]+)\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5})$/i

/**
 * Address of one hop of `X-Forwarded-For`; some balancers write its port too.
 * Addresses outlive requests as keys of counters, so they must not be cut out of what a client has written before them.
 */
export const hopAddress = perSpelling((hop) => {
  const text = hop.trim()
  const [, ipv6, ipv4] = withPort.exec(text) ?? []
  return plainAddress(ipv6 ?? ipv4 ?? text)
})

/** The one spelling of an address: IPv4-mapped IPv6 as IPv4, IPv6 as RFC 5952 has it; anything else stays as it is. */
export function plainAddress(address: string): string {
  return address.includes(':') ? plainIPv6(address) : address
}

const plainIPv6 = perSpelling((address) => {
  if (!isIPv6(address)) return address
  const plain = new SocketAddress({ address, family: 'ipv6' }).address
  return plain.startsWith('::ffff:') && plain.includes('.') ? plain.slice(7) : plain
})
