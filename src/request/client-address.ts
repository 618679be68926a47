/**
 * The client's address: the TCP peer, or what trusted proxies say about it.
 *
 * `X-Forwarded-For` is read from the right, and only as long as each hop is trusted: what stands to the left
 * of the first untrusted address was written by somebody nobody vouches for.
 *
 * @module
 */
import { BlockList, isIP, isIPv6 } from 'node:net'

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
    const address = plainAddress(hop.trim())
    if (isIP(address) === 0) return client
    client = address
    if (!trusted(address)) return address
  }
  return client
}

/** Folds an IPv4-mapped IPv6 address to IPv4, and IPv6 to lower case. */
export function plainAddress(address: string): string {
  const lower = address.toLowerCase()
  return lower.startsWith('::ffff:') && lower.includes('.') ? lower.slice(7) : lower
}
