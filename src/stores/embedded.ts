/**
 * An embedded Postgres for trying out: PGlite, in this process, in a directory.
 *
 * PGlite has no lock of its own, and two processes on one directory destroy it.
 *
 * @module
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { Kysely, PGliteDialect } from 'kysely'

import { takeLock } from './lock-file.ts'
import type { Tables } from './schema.ts'
import type { SqlStore } from './sql-store.ts'

/**
 * Opens the database of a directory, made when it is not there.
 *
 * @throws DirectoryInUse when another process has it open
 */
export async function openEmbedded(directory: string): Promise<SqlStore> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const unlock = takeLock(join(directory, 'lock'))
  try {
    // Loaded only here: it is large, and images without the demo leave it out.
    const { PGlite } = await import('@electric-sql/pglite')
    const pglite = await PGlite.create(join(directory, 'postgres'))
    const db = new Kysely<Tables>({ dialect: new PGliteDialect({ pglite }) })
    return {
      kind: 'embedded',
      db,
      close: () =>
        db
          .destroy()
          .then(() => (pglite.closed ? undefined : pglite.close()))
          .finally(unlock),
    }
  } catch (error) {
    unlock()
    throw error
  }
}
