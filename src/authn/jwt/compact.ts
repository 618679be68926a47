/**
 * The compact serialization of a JWS (RFC 7515 §7.1), in its one canonical spelling.
 *
 * Lenient decoders accept padding, line ends and spare low bits, which gives one token many texts.
 *
 * @module
 */

/** Characters of the longest token that is looked into. */
export const LONGEST_TOKEN = 8192

/** The three segments still encoded, and what the signature covers. */
export interface Segments {
  readonly header: string
  readonly payload: string
  readonly signature: string
  /** `header.payload`. */
  readonly signed: string
}

/** Splits at exactly two dots; undefined for anything else: opaque tokens, JWE with its five segments. */
export function splitCompact(token: string): Segments | undefined {
  const first = token.indexOf('.')
  const last = token.indexOf('.', first + 1)
  if (first < 1 || last === -1 || token.includes('.', last + 1)) return undefined
  return {
    header: token.slice(0, first),
    payload: token.slice(first + 1, last),
    signature: token.slice(last + 1),
    signed: token.slice(0, last),
  }
}

/** Decodes base64url without padding (RFC 7515 §2); undefined unless encoding the outcome gives the same text again. */
export function decodeSegment(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
