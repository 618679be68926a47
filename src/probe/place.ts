/**
 * Whom the probe may be pointed at: this machine, unless somebody says that the rest is theirs too.
 *
 * @module
 */
import { lookup } from 'node:dns/promises'

import { isLoopback } from '#values/network.ts'

import type { Place } from './wire.ts'

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
