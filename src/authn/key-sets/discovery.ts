/**
 * Keys of an issuer that says itself where they are (OpenID Connect Discovery 1.0 §4).
 *
 * @module
 */
import { isMetadata, isThisMachine } from '#values/network.ts'

import { parseObject } from '../jwt/json.ts'
import type { Connect } from './client.ts'
import { failed, type LoadKeys } from './source.ts'
import { loadFromUrl } from './url.ts'

/** Loads the provider's metadata, and the keys from where it points; both within the same deadline. */
export function loadByDiscovery(issuer: string, connect: Connect): LoadKeys {
  const loadMetadata = loadFromUrl(metadataUrl(issuer), connect)
  return async (signal) => {
    const answer = await loadMetadata(signal)
    if (answer.kind === 'failed') return answer
    const metadata = parseObject(answer.text)
    if (metadata === undefined) return failed('malformed', 'the metadata is not one JSON object')
    if (metadata['issuer'] !== issuer) return failed('issuer_mismatch', 'the metadata is of another issuer (§4.3)')
    const url = metadata['jwks_uri']
    if (typeof url !== 'string' || !mayFetch(url, issuer)) return failed('url_refused', 'jwks_uri may not be fetched')
    return loadFromUrl(url, connect)(signal)
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
  if (isThisMachine(hostname)) return isThisMachine(home.hostname) && /^https?:$/.test(protocol)
  return protocol === 'https:' || (protocol === 'http:' && home.protocol === 'http:' && hostname === home.hostname)
}
