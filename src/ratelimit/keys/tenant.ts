/**
 * Counts by tenant, as named by its issuer: two issuers' tenants of one name are two tenants.
 *
 * @module
 */
import { joinParts } from '../join.ts'
import type { LimitKey } from '../key.ts'

export const tenant: LimitKey = {
  name: 'tenant',
  needs: 'identity',
  accepts: (word) => word === 'tenant',
  create:
    () =>
    ({ principal }) =>
      principal?.tenant === undefined ? undefined : joinParts([principal.issuer, principal.tenant]),
}
