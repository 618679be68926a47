/**
 * Texts as header values: visible ASCII and inner spaces, everything else percent-encoded UTF-8 (RFC 3986 §2.1).
 *
 * `%` is always escaped, so that every value has exactly one meaning; `,` is escaped inside a list. Spaces at the
 * ends are escaped because a parser trims them (RFC 9112 §5.1) and would turn ` admin` into `admin`.
 *
 * @module
 */
import type { FactValue } from './header.ts'

const plain = /^[\x21-\x24\x26-\x7e](?:[\x20-\x24\x26-\x7e]*[\x21-\x24\x26-\x7e])?$/
// `(?<! )`: a run of spaces is looked at once, not once from each of its spaces
const unsafe = /^ +|(?<! ) +$|[^\x20-\x24\x26-\x7e]/gu
const unsafeInList = /^ +|(?<! ) +$|[^\x20-\x24\x26-\x2b\x2d-\x7e]/gu

/** Encodes a text, or a list as its sorted members with commas between; empty texts and lists give undefined. */
export function encode(value: FactValue): string | undefined {
  if (value === undefined || value.length === 0) return undefined
  if (typeof value === 'string') return encodeText(value)
  const members = new Set(value.filter((member) => member !== ''))
  return members.size === 0 ? undefined : [...members].sort().map(encodeMember).join(',')
}

function encodeText(text: string): string {
  return plain.test(text) ? text : text.replace(unsafe, percent)
}

function encodeMember(text: string): string {
  return text.replace(unsafeInList, percent)
}

function percent(characters: string): string {
  return [...utf8(characters)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

/** Lone surrogates get bytes of their own (as WTF-8 has it): as U+FFFD, two subjects could become one. */
function utf8(characters: string): Iterable<number> {
  const code = characters.charCodeAt(0)
  const lone = characters.length === 1 && code >= 0xd800 && code <= 0xdfff
  return lone ? [0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)] : Buffer.from(characters, 'utf8')
}
