/**
 * A directory in a real Postgres: migrated, written to by its owner, read by gateways through a role that can do no more.
 *
 * @module
 */
import { sql, type Kysely } from 'kysely'

import { newApiKey, newSession } from '#directory/secrets.ts'
import { migrate } from '#stores/migrations.ts'
import { connectPostgres } from '#stores/postgres.ts'
import type { Tables } from '#stores/schema.ts'
import { createApiKey, createSession, type NewApiKey } from '#stores/writes.ts'
import { silent } from '#telemetry/log.ts'

/** What was handed out: `id` names it, `value` is the secret. */
export interface Handed {
  readonly id: string
  readonly value: string
}

export interface StoredDirectory {
  /** The owner's connection. */
  readonly db: Kysely<Tables>
  /** URL of the reading role, for the file. */
  readonly url: string
  /** A session of a person, good for `lifetime` milliseconds. */
  session(subject: string, lifetime?: number): Promise<Handed>
  apiKey(wanted: NewApiKey): Promise<Handed>
  endSession(id: string): Promise<void>
  close(): Promise<void>
}

/** Makes the tables in the database of `url`, which belongs to a superuser. */
export async function storeDirectory(url: string): Promise<StoredDirectory> {
  const store = connectPostgres(url, { log: silent, timeout: 10_000 })
  const { db } = store
  await migrate(db)
  await sql`create role gateway login in role heimdall_gateway`.execute(db)
  return {
    db,
    url: url.replace('//postgres@', '//gateway@'),
    async session(subject, lifetime = 3_600_000) {
      const secret = newSession()
      await createSession(db, secret, { subject, expires_at: Date.now() + lifetime })
      return secret
    },
    async apiKey(wanted) {
      const secret = newApiKey()
      await createApiKey(db, secret, wanted)
      return secret
    },
    async endSession(id) {
      await db
        .updateTable('heimdall.sessions')
        .set({ revoked_at: sql`now()` })
        .where('id', '=', id)
        .execute()
    },
    close: () => store.close(),
  }
}
