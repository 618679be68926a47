/**
 * Keys of caches.
 *
 * @module
 */
import { hash } from 'node:crypto'

/**
 * One key for several fields: SHA-256 over the fields, each led by its length, in base64url.
 * `('a', 'bc')` and `('ab', 'c')` differ, whatever the fields hold, and a key has one size however long they are.
 */
export function cacheKey(...fields: readonly string[]): string {
  let text = ''
  for (const field of fields) text += `${field.length}:${field}`
  return hash('sha256', text, 'base64url')
}
