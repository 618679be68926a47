/**
 * Verifying one signature (RFC 7515 §5.2).
 *
 * With `node:crypto` and not with jose's WebCrypto, because it answers at once: RS256 22 µs against 58, ES256 89 against 138,
 * and the decision stays synchronous. jose imports the keys.
 *
 * @module
 */
import { constants, createHmac, timingSafeEqual, verify, type KeyObject } from 'node:crypto'

import { signings, type Algorithm, type Signing } from './algorithms.ts'

/**
 * True when `signature` over `signed` was made with the key's private half.
 *
 * @param key of the kind that `algorithm` needs: `find` of a key set returns no other
 */
export function isSignedBy(key: KeyObject, algorithm: Algorithm, signed: string, signature: Buffer): boolean {
  const signing: Signing = signings[algorithm]
  if (signing.bytes !== undefined && signature.length !== signing.bytes) return false
  const data = Buffer.from(signed, 'latin1')
  if (signing.kty === 'oct') {
    return timingSafeEqual(
      createHmac(signing.hash ?? 'sha256', key)
        .update(data)
        .digest(),
      signature,
    )
  }
  if (signing.kty === 'EC') return verify(signing.hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature)
  if (signing.pss === true)
    return verify(
      signing.hash,
      data,
      { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
      signature,
    )
  return verify(signing.hash, data, key, signature)
}
