/**
 * The header of a JWS (RFC 7515 §4): who signed how, and nothing else.
 *
 * It is written by whoever sends the token, so it may choose among the keys and algorithms the file trusts, never bring its own.
 *
 * @module
 */
import { deny, pass, type Verdict } from '#request/verdict.ts'

import type { Algorithm } from './algorithms.ts'
import { decodeSegment } from './compact.ts'
import { parseObject, type JsonObject } from './json.ts'

const LONGEST_KID = 256
const MOST_KNOWN = 64
const LONGEST_KNOWN = 1024

export interface TokenHeader {
  readonly algorithm: Algorithm
  /** Only ever a key of a map. */
  readonly kid: string | undefined
}

export interface HeaderRules {
  readonly algorithms: ReadonlySet<string>
  /** As `mediaType` folds them. */
  readonly types: ReadonlySet<string>
}

/**
 * Members that change what is signed or how it is read, or that offer a key of the sender's own:
 * critical extensions (RFC 7515 §4.1.11), unencoded payload (RFC 7797), embedded and linked keys, encryption, compression.
 */
const refused = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c', 'enc', 'zip'] as const

/** Folds a `typ` value: media types ignore case, and `application/` may be left out (RFC 7515 §4.1.9). */
export function mediaType(typ: string): string {
  const lower = typ.toLowerCase()
  return lower.startsWith('application/') && lower.indexOf('/', 12) === -1 ? lower.slice(12) : lower
}

/**
 * Reads a header segment.
 *
 * @denies invalid_token with a note that names the member and never quotes its value
 */
export function readHeader(segment: string, rules: HeaderRules): Verdict<TokenHeader> {
  const bytes = decodeSegment(segment)
  const header = bytes === undefined ? undefined : parseObject(bytes)
  if (header === undefined) return deny('invalid_token', 'header is not canonical base64url of one JSON object')
  const member = refused.find((name) => Object.hasOwn(header, name))
  if (member !== undefined) return deny('invalid_token', `header has ${member}`)
  return accept(header, rules)
}

/**
 * Makes a reader that knows the headers it accepted of late: an issuer writes the same one into all its tokens.
 * Clients may write others that are accepted too, so the memory is bounded; it starts anew when full.
 */
export function headerReader(rules: HeaderRules): (segment: string) => Verdict<TokenHeader> {
  const accepted = new Map<string, Verdict<TokenHeader>>()
  return (segment) => {
    const known = accepted.get(segment)
    if (known !== undefined) return known
    const read = readHeader(segment, rules)
    if (read.kind === 'deny' || segment.length > LONGEST_KNOWN) return read
    if (accepted.size >= MOST_KNOWN) accepted.clear()
    // A copy: a part of a text keeps the whole of it in memory, and that is somebody's token.
    accepted.set(Buffer.from(segment, 'latin1').toString('latin1'), read)
    return read
  }
}

function accept(header: JsonObject, rules: HeaderRules): Verdict<TokenHeader> {
  // A token that does not say what it is may be anything, an ID token too: it passes where plain JWTs do.
  const { alg, kid, typ = 'JWT' } = header
  if (typeof alg !== 'string' || !rules.algorithms.has(alg))
    return deny('invalid_token', 'alg is not one of the accepted')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > LONGEST_KID))
    return deny('invalid_token', 'kid is not a short text')
  if (typeof typ !== 'string' || !rules.types.has(mediaType(typ)))
    return deny('invalid_token', 'typ is not one of the accepted')
  return pass({ algorithm: alg as Algorithm, kid })
}
