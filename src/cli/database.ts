/**
 * The database of the file, for commands that write to it.
 *
 * @module
 */
import type { Kysely } from 'kysely'

import type { Tables } from '#stores/schema.ts'
import { errorText } from '#telemetry/error-text.ts'
import { silent } from '#telemetry/log.ts'

import type { Call, Io } from './command.ts'
import { readConfig } from './config-file.ts'
import { openSql } from './gateway/stores.ts'

const PATIENCE = 30_000 // milliseconds

/** Opens the database that `stores.postgres` names, works with it, and closes it; failures are told in one line. */
export async function withDatabase(call: Call, io: Io, work: (db: Kysely<Tables>) => Promise<number>): Promise<number> {
  const loaded = readConfig(call, io)
  if (loaded === undefined) return 1
  const { postgres } = loaded.config.stores
  if (postgres === undefined) {
    io.err('heimdall: the file names no database; set `stores.postgres`')
    return 1
  }
  try {
    const store = await openSql(postgres, silent, PATIENCE)
    try {
      return await work(store.db)
    } finally {
      await store.close()
    }
  } catch (error) {
    io.err(`heimdall: ${errorText(error)}`)
    return 1
  }
}
