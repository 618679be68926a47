/**
 * What commands write to the directory: API keys, and the people a demo starts with.
 *
 * Traffic never comes here: the gateway that serves it only reads.
 *
 * @module
 */
import { sql, type Kysely } from 'kysely'

import { OWN_ISSUER } from '#request/principal.ts'

import type { Tables } from './schema.ts'

type Db = Kysely<Tables>

export interface NewApiKey {
  readonly subject: string
  readonly name?: string
  readonly tenant?: string
  readonly roles?: readonly string[]
  readonly permissions?: readonly string[]
  /** Milliseconds since the epoch; absent for a key without end. */
  readonly expires_at?: number
}

/** What is stored of a secret (`directory/secrets.ts` makes them). */
export interface StoredSecret {
  readonly id: string
  readonly digest: string
}

/** Creates an API key. */
export async function createApiKey(db: Db, { id, digest }: StoredSecret, wanted: NewApiKey): Promise<void> {
  const { roles = [], permissions = [] } = wanted
  await db
    .insertInto('heimdall.api_keys')
    .values({
      id,
      digest,
      subject: wanted.subject,
      name: wanted.name ?? null,
      tenant: wanted.tenant ?? null,
      roles: [...roles],
      permissions: [...permissions],
      expires_at: wanted.expires_at === undefined ? null : timestamp(wanted.expires_at),
      revoked_at: null,
    })
    .execute()
}

/** Revokes an API key for good; false when there is no such key that could still be used. */
export async function revokeApiKey(db: Db, id: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('heimdall.api_keys')
    .set({ revoked_at: sql`now()` })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export interface NewUser {
  readonly id: string
  readonly issuer?: string
  readonly email?: string
  readonly name?: string
  readonly tenant?: string
  readonly state?: 'active' | 'disabled'
}

/** Creates a person, or gives the one there is these facts. */
export async function upsertUser(db: Db, { id, issuer = OWN_ISSUER, ...facts }: NewUser): Promise<void> {
  const { email = null, name = null, tenant = null, state = 'active' } = facts
  await db
    .insertInto('heimdall.users')
    .values({ id, issuer, email, name, tenant, state })
    .onConflict((conflict) => conflict.columns(['issuer', 'id']).doUpdateSet({ email, name, tenant, state }))
    .execute()
}

/** Creates a role, or gives the one there is exactly these permissions. */
export async function setRole(db: Db, name: string, permissions: readonly string[]): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('heimdall.roles')
      .values({ name, description: null })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    await transaction.deleteFrom('heimdall.role_permissions').where('role', '=', name).execute()
    const rows = permissions.map((permission) => ({ role: name, permission }))
    if (rows.length > 0) await transaction.insertInto('heimdall.role_permissions').values(rows).execute()
  })
}

/** Grants roles and permissions to an identity, beside those it has. */
export async function grant(
  db: Db,
  identity: { readonly issuer: string; readonly subject: string },
  granted: { readonly roles?: readonly string[]; readonly permissions?: readonly string[] },
): Promise<void> {
  const { issuer, subject } = identity
  const rows = [
    ...(granted.roles ?? []).map((value) => ({ issuer, subject, kind: 'role' as const, value })),
    ...(granted.permissions ?? []).map((value) => ({ issuer, subject, kind: 'permission' as const, value })),
  ]
  if (rows.length === 0) return
  await db
    .insertInto('heimdall.grants')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Starts a session of a person of the directory; `expires_at` in milliseconds since the epoch. */
export async function createSession(
  db: Db,
  { id, digest }: StoredSecret,
  session: { readonly subject: string; readonly expires_at: number },
): Promise<void> {
  await db
    .insertInto('heimdall.sessions')
    .values({
      id,
      digest,
      subject: session.subject,
      expires_at: timestamp(session.expires_at),
      revoked_at: null,
    })
    .execute()
}

/** A time for a statement, from milliseconds since the epoch. */
function timestamp(milliseconds: number) {
  return sql`to_timestamp(${milliseconds}::float8 / 1000)`
}
