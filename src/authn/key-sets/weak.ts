/**
 * Weak RSA keys: too short, with an exponent that proves nothing, or made by a broken generator.
 *
 * @module
 */
import type { KeyObject } from 'node:crypto'

const LEAST_BITS = 2048
const MOST_BITS = 8192 // longer ones cost milliseconds a token
const GENERATOR = 65_537

/**
 * Primes at which moduli of the Infineon generator (ROCA, CVE-2017-15361) stand out: each is a power of 65537 modulo all of them,
 * which one modulus in 2^27 is by chance.
 */
const markers = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157]

/** Says what is wrong with an RSA public key, if anything is. */
export function rsaWeakness(key: KeyObject): 'rsa_size' | 'rsa_exponent' | 'rsa_roca' | undefined {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (modulusLength < LEAST_BITS || modulusLength > MOST_BITS) return 'rsa_size'
  if (publicExponent < 3n || publicExponent % 2n === 0n) return 'rsa_exponent'
  const { n = '' } = key.export({ format: 'jwk' })
  const modulus = BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`)
  return markers.every((prime) => isPower(Number(modulus % BigInt(prime)), prime)) ? 'rsa_roca' : undefined
}

function isPower(value: number, prime: number): boolean {
  let power = 1
  do {
    if (power === value) return true
    power = (power * GENERATOR) % prime
  } while (power !== 1)
  return false
}
