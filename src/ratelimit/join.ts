/**
 * Joins the parts of a counter's key, so that no two lists of parts make the same text.
 *
 * @module
 */
import { hash } from 'node:crypto'

const LONGEST = 100

/** Each part with its length before it; an absent part differs from an empty one. Hashed when longer than 100 characters. */
export function joinParts(parts: readonly (string | undefined)[]): string {
  const words: string[] = [] // joined at once: a sum of texts stays in memory as the tree of its parts
  for (const part of parts) {
    if (part === undefined) words.push('-')
    else words.push(String(part.length), ':', part)
  }
  const joined = words.join('')
  return joined.length > LONGEST ? `#${hash('sha256', joined, 'base64url')}` : joined
}
