/**
 * The header block of an identity: what the service is told about who asks.
 *
 * @module
 */
import { oncePer } from '#cache/once-per.ts'
import type { Principal } from '#request/principal.ts'
import { deny, pass, type Verdict } from '#request/verdict.ts'

import { encode } from './encode.ts'
import { factOf } from './header.ts'
import { headersOf, type IdentityHeaders } from './options.ts'

const MOST_BYTES = 8192

/** Names and values in turn. */
export type IdentityBlock = (principal: Principal) => Verdict<readonly string[]>

/**
 * Makes the block of a principal, once: principals are frozen and shared by all requests with the same credential.
 *
 * @denies identity_too_large above 8 KiB: a shortened list of groups could grant by what it leaves out
 */
export function identityBlock(option: IdentityHeaders): IdentityBlock {
  const headers = headersOf(option)

  return oncePer((principal: Principal): Verdict<readonly string[]> => {
    const block: string[] = []
    for (const { name, source } of headers) {
      const value = encode(factOf(principal, source))
      if (value !== undefined) block.push(name, value)
    }
    const bytes = block.reduce((sum, text) => sum + text.length + 2, 0) // `: ` and CRLF
    return bytes > MOST_BYTES ? deny('identity_too_large', `${bytes} bytes of identity headers`) : pass(block)
  })
}
