/**
 * Counts by identity, the pair (issuer, subject): never by the credential's text, which has many spellings.
 *
 * @module
 */
import { joinParts } from '../join.ts'
import type { LimitKey } from '../key.ts'

export const subject: LimitKey = {
  name: 'subject',
  needs: 'identity',
  accepts: (word) => word === 'subject',
  create:
    () =>
    ({ principal }) =>
      principal && joinParts([principal.issuer, principal.subject]),
}
