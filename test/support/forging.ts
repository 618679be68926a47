/**
 * What forgers do: tokens made from a genuine one without, or with, the help of its issuer.
 *
 * @module
 */
import { createPublicKey, createSecretKey, type JsonWebKey } from 'node:crypto'

import { newSigner, segment, signBytes, token, type Signer } from './tokens.ts'

/** A token that is good, and everything an attacker may know beside it. */
export interface Genuine {
  readonly text: string
  readonly claims: Readonly<Record<string, unknown>>
  /** The issuer's: the public half stands in its key set, without `alg`. */
  readonly signer: Signer
  /** A second key of the same set, RSA and without `alg` too. */
  readonly rsa: Signer
  /** A server of the attacker's that offers the attacker's keys. */
  readonly evil: string
}

/** The attacker's own key, under a name of the issuer's. */
export const own = newSigner('ES256', 'first')
export const P256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

export const parts = ({ text }: Genuine) => text.split('.') as [header: string, payload: string, signature: string]
export const headerOf = ({ signer }: Genuine) => ({ alg: signer.alg, kid: signer.kid, typ: 'JWT' })

/** Another header over the same payload, with the signature of the genuine token. */
export const reheaded = (good: Genuine, header: unknown) => [segment(header), ...parts(good).slice(1)].join('.')
/** The same, signed by the issuer: only what the header says is wrong. */
export const resigned = (good: Genuine, header: Record<string, unknown> | string) =>
  token(good.signer, good.claims, header)
/** Other claims, signed by the issuer. */
export const claiming = (good: Genuine, part: Record<string, unknown>) =>
  token(good.signer, { ...good.claims, ...part })
export const stating = (good: Genuine, payload: string) => token(good.signer, payload)
export const seconds = () => Math.floor(Date.now() / 1000)

/** An HMAC over the genuine claims with something public for a secret. */
export function hmac(good: Genuine, alg: string, secret: string | Buffer, kid: unknown = good.signer.kid): string {
  const signed = `${segment({ alg, kid, typ: 'JWT' })}.${segment(good.claims)}`
  const mac = signBytes(alg, createSecretKey(Buffer.from(secret)), signed)
  return `${signed}.${mac.toString('base64url')}`
}

/** What a public key looks like to somebody who takes it for a secret. */
export function faces({ jwk, key }: Signer): (string | Buffer)[] {
  const { kty, crv, x, y, n, e } = jwk as Record<string, string>
  const pem = publicPem(jwk)
  return [
    pem,
    pem.trimEnd(),
    pem.replaceAll('\n', '\r\n'),
    JSON.stringify(jwk),
    JSON.stringify(kty === 'RSA' ? { kty, n, e } : { kty, crv, x, y }),
    Buffer.from(n ?? x ?? '', 'base64url'),
    n ?? x ?? '',
    key.asymmetricKeyType ?? '',
  ]
}

export function publicPem(jwk: Record<string, unknown>): string {
  const { kty, n, e, crv, x, y } = jwk as Record<string, string>
  const members = kty === 'RSA' ? { kty, n, e } : { kty, crv, x, y }
  return createPublicKey({ key: members as JsonWebKey, format: 'jwk' }).export({
    type: 'spki',
    format: 'pem',
  }) as string
}

/** Other texts that a lenient decoder reads as the same bytes: the spare low bits of the last character. */
export function twins(text: string): string[] {
  const bytes = Buffer.from(text, 'base64url')
  return Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
    .map((character) => text.slice(0, -1) + character)
    .filter((twin) => twin !== text && Buffer.from(twin, 'base64url').equals(bytes))
}

/** Other spellings of the three segments, one at a time. */
export function respelled(good: Genuine, spell: (segment: string) => string | readonly string[]): string[] {
  const all = parts(good).flatMap((one, at) =>
    [spell(one)].flat().map((other) => parts(good).with(at, other).join('.')),
  )
  return all.filter((text) => text !== good.text)
}

export function scalars(r: bigint, s: bigint): string {
  const hex = [r, s].map((one) => one.toString(16).padStart(64, '0')).join('')
  return Buffer.from(hex, 'hex').toString('base64url')
}

/** The signature that whoever has one ECDSA signature can make of it without the key: as good as the first. */
export function signatureTwin(good: Genuine): string {
  const [header, payload, signature] = parts(good)
  const hex = Buffer.from(signature, 'base64url').toString('hex')
  const twin = scalars(BigInt(`0x${hex.slice(0, 64)}`), P256 - BigInt(`0x${hex.slice(64)}`))
  return [header, payload, twin].join('.')
}

export const signed = (good: Genuine, signature: string) => [...parts(good).slice(0, 2), signature].join('.')
export const jwe = (header: Record<string, unknown>, inside = 'ciphertext') =>
  [segment(header), 'a2V5', 'aXY', segment(inside), 'dGFn'].join('.')
