/**
 * The connection to Postgres.
 *
 * Left to itself the driver waits for ever for a server that is silent, gives a connection on which a query hangs to the next
 * caller, and ends the process when an idle connection breaks during a failover. All three are closed off here.
 *
 * @module
 */
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import { DatabaseError, Pool } from 'pg'

import type { Logger } from '#telemetry/log.ts'

import type { Tables } from './schema.ts'
import type { SqlStore } from './sql-store.ts'

const READ_TIMEOUT = 400 // milliseconds, below the deadline of a read, so that Postgres itself ends most late queries
const CONNECTIONS = 10
const IDLE_TIMEOUT = 30_000

export interface PostgresOptions {
  readonly log: Logger
  /** Most connections. */
  readonly connections?: number
  /** Milliseconds a connection and a statement may take each: right for reads by default, longer for migrations. */
  readonly timeout?: number
}

/**
 * Makes a pool; connections are opened when first needed.
 *
 * @param url `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`
 */
export function connectPostgres(url: string, options: PostgresOptions): SqlStore {
  const { log, connections = CONNECTIONS, timeout = READ_TIMEOUT } = options
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: timeout,
    statement_timeout: timeout,
    query_timeout: timeout + 50, // when the server does not end it
    idleTimeoutMillis: IDLE_TIMEOUT,
    keepAlive: true,
    application_name: 'heimdall',
  })
  const lost = (error: Error) => log.debug({ store: 'postgres', error: error.message }, 'connection lost')
  pool.on('error', lost)
  pool.on('connect', (client) => client.on('error', lost)) // one in use has no listener of the pool's
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: discardBroken(pool) }) })
  return { kind: 'postgres', db, close: () => db.destroy().then(() => (pool.ended ? undefined : pool.end())) }
}

/** Lends connections; one on which a query failed for another reason than Postgres saying so does not go back to the pool. */
function discardBroken(pool: Pool): PostgresPool {
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      const client = await pool.connect()
      let broken = false
      const query = async (text: string, parameters: readonly unknown[]) => {
        try {
          return await client.query(text, [...parameters])
        } catch (error) {
          broken ||= !(error instanceof DatabaseError)
          throw error
        }
      }
      const release = (discard?: boolean) => client.release(broken || discard === true)
      return { query, release } as unknown as PostgresPoolClient // all of it but cursors, which nobody here uses
    },
  }
}
