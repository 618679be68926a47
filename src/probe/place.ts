/**
 * Whom the probe may be pointed at: this machine, unless somebody says that the rest is theirs too.
 *
 * @module
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIPv6 } from 'node:net'

import type { Place } from './wire.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** Finds the addresses of a name. */
export type Resolve = (name: string) => Promise<readonly { readonly address: string }[]>

/**
 * Resolves the host of a URL once; what is returned is an address, so that the name cannot come to mean another one later.
 *
 * @param owned true when the asker vouches for hosts other than this one
 * @returns the place, or why not
 */
export async function locate(url: URL, owned: boolean, resolve: Resolve = everyAddress): Promise<Place | string> {
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const addresses = await resolve(name).catch(() => [])
  const [first] = addresses
  if (first === undefined) return `${name} has no address`
  if (!owned && !addresses.every(({ address }) => isLoopback(address)))
    return `${name} is not this machine alone; --i-own-this says that you may attack it`
  const tls = url.protocol === 'https:' ? name : undefined
  return { address: first.address, port: Number(url.port) || (tls === undefined ? 80 : 443), tls }
}

const everyAddress: Resolve = (name) => lookup(name, { all: true })

function isLoopback(address: string): boolean {
  return loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
