/**
 * What a route requires of an identity: the schema of `require`.
 *
 * @module
 */
import { z } from 'zod'

const names = z.array(z.string().min(1)).min(1).optional()
const scalar = z.union([z.string(), z.number(), z.boolean()])
const claims = z
  .record(z.string().min(1), z.union([scalar, z.array(scalar).min(1)]))
  .refine((map) => Object.keys(map).length > 0, 'must name at least one claim')
  .optional()

/** Schema of `require`; several keys must all be satisfied. */
export const requireSchema = z
  .strictObject({
    permissions: names.meta({ description: 'Permissions, all of them; a granted `orders:*` has `orders:read`.' }),
    any_permission: names.meta({ description: 'Permissions, at least one of them.' }),
    roles: names.meta({ description: 'Roles, all of them.' }),
    any_role: names.meta({ description: 'Roles, at least one of them.' }),
    scopes: names.meta({ description: 'Scopes of the token, all of them.' }),
    any_scope: names.meta({ description: 'Scopes of the token, at least one of them.' }),
    claims: claims.meta({ description: 'Claims by path with the values each must have or hold, all of them.' }),
    any_claim: claims.meta({ description: 'Claims by path with values, at least one of which it must have or hold.' }),
  })
  .refine((required) => Object.values(required).some((value) => value !== undefined), 'must require something')

export type RequireOptions = z.output<typeof requireSchema>
export type ClaimValue = z.output<typeof scalar>
