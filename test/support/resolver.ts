/**
 * Name resolution with an answer that is known beforehand.
 *
 * @module
 */
import type { LookupFunction } from 'node:net'

/** A resolver that gives every name these addresses, in the form that was asked for. */
export function resolving(...addresses: readonly string[]): LookupFunction {
  return (_, { all }, done) => {
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    if (all === true) done(null, found)
    else done(null, found[0]?.address ?? '', found[0]?.family)
  }
}
