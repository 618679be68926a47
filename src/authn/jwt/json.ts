/**
 * JSON that can be read in one way only.
 *
 * `JSON.parse` keeps the last of two members of one name, other parsers the first: a token with both has two meanings.
 * Such text is told by counting: it writes down more members than the value has that is read from it. It is refused,
 * and so is nesting so deep that it costs more than a token is worth (RFC 7493 §2.3).
 *
 * @module
 */

const MOST_LEVELS = 32
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export type JsonObject = Readonly<Record<string, unknown>>

/** True for what JSON calls an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads UTF-8 bytes or text as one JSON object; undefined for broken encoding, duplicate members, lone surrogates or depth over 32. */
export function parseObject(source: Uint8Array | string): JsonObject | undefined {
  try {
    const text = typeof source === 'string' ? source : decoder.decode(source)
    const written = writtenMembers(text)
    if (written === undefined || !text.isWellFormed()) return undefined
    const value: unknown = JSON.parse(text)
    // Only an escape can still make a surrogate that stands alone.
    if (text.includes('\\u') && !isWellFormed(value)) return undefined
    return isJsonObject(value) && membersOf(value) === written ? value : undefined
  } catch {
    return undefined
  }
}

/** Counts the members of all objects as they are written, which is the colons outside of strings; undefined when nested too deep. */
function writtenMembers(text: string): number | undefined {
  let [members, level] = [0, 0]
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at)
        break
      case 0x3a: // :
        members += 1
        break
      case 0x5b: // [
      case 0x7b: // {
        level += 1
        if (level > MOST_LEVELS) return undefined
        break
      case 0x5d: // ]
      case 0x7d: // }
        level -= 1
    }
  }
  return members
}

/** Place of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 0x22) break
    if (code === 0x5c) at += 1 // a backslash, and what it stands before
  }
  return at
}

/** Counts the members of all objects in a value. */
function membersOf(value: object): number {
  const list = Array.isArray(value)
  let members = 0
  for (const inner of Object.values(value)) {
    if (!list) members += 1
    if (typeof inner === 'object' && inner !== null) members += membersOf(inner)
  }
  return members
}

/** True when every text in a value, names too, is Unicode that can be encoded. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, inner]) => name.isWellFormed() && isWellFormed(inner))
}
