/**
 * Keys of an issuer that says itself where they are (OpenID Connect Discovery 1.0 §4).
 *
 * @module
 */
import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Dispatcher } from 'undici'

import { isLoopback, isMetadata } from '#values/network.ts'

import { parseObject } from '../jwt/json.ts'
import { failed, type LoadKeys } from './source.ts'
import { loadFromUrl } from './url.ts'

/** Loads the provider's metadata, and the keys from where it points; both within the same deadline. */
export function loadByDiscovery(issuer: string, dispatcher: Dispatcher): LoadKeys {
  const loadMetadata = loadFromUrl(metadataUrl(issuer), dispatcher)
  return async (signal) => {
    const answer = await loadMetadata(signal)
    if (answer.kind === 'failed') return answer
    const metadata = parseObject(answer.text)
    if (metadata === undefined) return failed('malformed', 'the metadata is not one JSON object')
    if (metadata['issuer'] !== issuer) return failed('issuer_mismatch', 'the metadata is of another issuer (§4.3)')
    const url = metadata['jwks_uri']
    if (typeof url !== 'string' || !mayFetch(url, issuer)) return failed('url_refused', 'jwks_uri may not be fetched')
    return loadFromUrl(url, dispatcher)(signal)
  }
}

/** §4: the well-known path comes after the issuer's own, less its final slash. */
function metadataUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

/**
 * Keeps the issuer from sending us anywhere: https, or plain http where the issuer itself is plain http (on its own host)
 * or on loopback; this machine and its link only when the issuer is here too.
 */
function mayFetch(url: string, issuer: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname, username } = new URL(url)
  const home = new URL(issuer)
  if (username !== '' || isMetadata(hostname)) return false
  if (isHere(hostname)) return isHere(home.hostname) && /^https?:$/.test(protocol)
  return protocol === 'https:' || (protocol === 'http:' && home.protocol === 'http:' && hostname === home.hostname)
}

const here = new BlockList()
here.addSubnet('127.0.0.0', 8, 'ipv4')
here.addSubnet('0.0.0.0', 8, 'ipv4') // connects to loopback
here.addAddress('::1', 'ipv6')
here.addAddress('::', 'ipv6')

/** True for this machine in every spelling; IPv4 within IPv6 counts. */
function isHere(hostname: string): boolean {
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  return isLoopback(hostname) || (isIP(address) !== 0 && here.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'))
}
