/**
 * Migrations: bring a database to the tables this version works with, the same way on Postgres and on embedded PGlite.
 *
 * To add one: a file in `migrations/` and a line in the list; names decide the order and never change.
 *
 * @module
 */
import type { Kysely } from 'kysely'
import { Migrator, type Migration } from 'kysely/migration'

import { up as directory } from './migrations/0001-directory.ts'
import type { Tables } from './schema.ts'

const migrations: Readonly<Record<string, Migration>> = {
  '0001-directory': { up: directory },
}

/** What a run of `migrate` did. */
export interface MigrationReport {
  /** Names of the migrations put in force by this run, in order. */
  readonly applied: readonly string[]
  /** How many were in force before. */
  readonly before: number
}

/**
 * Brings a database up to date; does nothing where it is. Two runs at once wait for each other.
 *
 * @param db its connection must allow long statements (`connectPostgres` with a `timeout`)
 * @throws what the database answered; nothing of a failed run stays in force
 */
export async function migrate(db: Kysely<Tables>): Promise<MigrationReport> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
    migrationTableSchema: 'heimdall',
    migrationTableName: 'migrations',
    migrationLockTableName: 'migrations_lock',
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  const applied = results.map((result) => result.migrationName)
  return { applied, before: Object.keys(migrations).length - applied.length }
}
