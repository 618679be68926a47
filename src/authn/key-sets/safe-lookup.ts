/**
 * Name resolution for the fetching of keys: no name leads to where clouds keep the credentials of machines.
 *
 * Private networks are allowed, since issuers live there; what the file and the metadata spell out as an address
 * is judged before (`jwt/options.ts`, `discovery.ts`).
 *
 * @module
 */
import { lookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'

import { isMetadata } from '#values/network.ts'

class MetadataAddress extends Error {
  readonly code = 'METADATA_ADDRESS'
}

/** Makes the `lookup` of a connection; a name is refused when any of its addresses is. */
export function refuseMetadata(resolve: LookupFunction = lookup): LookupFunction {
  return (name, options, done) => {
    resolve(name, options, (error, found, family) => {
      const refused = error === null && addressesOf(found).some(isMetadata)
      done(refused ? new MetadataAddress(`${name} is an address of cloud metadata`) : error, found, family)
    })
  }
}

function addressesOf(found: string | LookupAddress[]): string[] {
  return typeof found === 'string' ? [found] : found.map(({ address }) => address)
}
