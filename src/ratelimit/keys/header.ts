/**
 * Counts by the value of a header. The value is the client's own word: use it beside a limit by `client` or `subject`.
 *
 * Values are hashed, because they may be long, and may be secrets that have no place in a shared store.
 *
 * @module
 */
import { hash } from 'node:crypto'

import type { LimitKey } from '../key.ts'

const pattern = /^header:([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64})$/
/** A credential has many spellings, so a limit on its text is none. */
const credentials = new Set(['authorization', 'proxy-authorization', 'cookie'])

function nameOf(word: string): string | undefined {
  return pattern.exec(word)?.[1]?.toLowerCase()
}

export const header: LimitKey = {
  name: 'header:NAME',
  needs: 'request',
  accepts(word) {
    const name = nameOf(word)
    return name !== undefined && !credentials.has(name)
  },
  create(word) {
    const name = nameOf(word) ?? ''
    return (request) => {
      const value = request.header(name)
      return value === undefined ? undefined : hash('sha256', value, 'base64url')
    }
  },
}
