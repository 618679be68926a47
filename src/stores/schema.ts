/**
 * The tables of the directory, as Kysely types them; `migrations/` makes them.
 *
 * @module
 */
import type { ColumnType, Generated } from 'kysely'

/** Read through `extract(epoch …)`, written through `to_timestamp(…)`, both as numbers: drivers differ in what they make of it. */
type Timestamp = ColumnType<unknown, unknown, unknown>

export interface Tables {
  'heimdall.users': {
    id: string
    issuer: Generated<string>
    email: string | null
    name: string | null
    tenant: string | null
    state: Generated<'active' | 'disabled'>
    created_at: Generated<Timestamp>
  }
  'heimdall.roles': { name: string; description: string | null }
  'heimdall.role_permissions': { role: string; permission: string }
  'heimdall.grants': { issuer: string; subject: string; kind: 'role' | 'permission'; value: string }
  'heimdall.sessions': {
    id: string
    digest: string
    subject: string
    created_at: Generated<Timestamp>
    expires_at: Timestamp
    revoked_at: Timestamp | null
  }
  'heimdall.api_keys': {
    id: string
    digest: string
    subject: string
    name: string | null
    tenant: string | null
    roles: Generated<string[]>
    permissions: Generated<string[]>
    created_at: Generated<Timestamp>
    expires_at: Timestamp | null
    revoked_at: Timestamp | null
  }
}
