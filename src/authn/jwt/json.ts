/**
 * JSON that can be read in one way only.
 *
 * `JSON.parse` keeps the last of two members of one name, other parsers the first: a token with both has two meanings.
 * The scan before it refuses such text, and nesting so deep that it costs more than a token is worth (RFC 7493 §2.3).
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
    if (!unambiguous(text)) return undefined
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Scans without judging the grammar, which `JSON.parse` does afterwards. */
function unambiguous(text: string): boolean {
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (character === '{' || character === '[') {
      if (open.push(character === '{' ? new Set() : undefined) > MOST_LEVELS) return false
    } else if (character === '}' || character === ']') {
      open.pop()
    } else if (character === '"') {
      const end = endOfString(text, at)
      if (!fits(text, at, end, open.at(-1))) return false
      at = end
    }
  }
  return true
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

/** Judges the string between two quotes: Unicode that can be encoded, and no name that its object has already. */
function fits(text: string, start: number, end: number, names: Set<string> | undefined): boolean {
  const raw = text.slice(start + 1, end)
  const value = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw
  if (!value.isWellFormed()) return false
  if (names === undefined || !isName(text, end)) return true
  if (names.has(value)) return false
  names.add(value)
  return true
}

/** In valid JSON a string is a member's name exactly when a colon follows. */
function isName(text: string, end: number): boolean {
  let at = end + 1
  while (at < text.length && ' \t\n\r'.includes(text[at] ?? '')) at += 1
  return text[at] === ':'
}
