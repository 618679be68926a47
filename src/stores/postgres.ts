/**
 * The connection to Postgres.
 *
 * Left to itself the driver waits for ever for a server that is silent, gives a connection on which a query hangs to the next
 * caller, and ends the process when an idle connection breaks during a failover. All three are closed off here.
 *
 * @module
 */
import type { Socket } from 'node:net'

import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import { DatabaseError, Pool, type PoolClient } from 'pg'

import type { Logger } from '#telemetry/log.ts'

import { CalmClient } from './postgres-client.ts'
import type { Tables } from './schema.ts'
import type { SqlStore } from './sql-store.ts'

const READ_TIMEOUT = 400 // milliseconds, below the deadline of a read, so that Postgres itself ends most late queries
const CONNECTIONS = 10
const IDLE_TIMEOUT = 30_000
const LIFETIME = 60 // seconds; a name that leads to another server leaves busy connections to the old one behind

export interface PostgresOptions {
  readonly log: Logger
  /** Most connections. */
  readonly connections?: number
  /** Milliseconds a connection and a statement may take each: right for reads by default, longer for migrations. */
  readonly timeout?: number
  /** Seconds after which a connection is made anew. */
  readonly lifetime?: number
}

/**
 * Makes a pool; connections are opened when first needed.
 *
 * @param url `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`
 */
export function connectPostgres(url: string, options: PostgresOptions): SqlStore {
  const { log, connections = CONNECTIONS, timeout = READ_TIMEOUT, lifetime = LIFETIME } = options
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: timeout,
    statement_timeout: timeout,
    query_timeout: timeout + 50, // when the server does not end it
    idleTimeoutMillis: IDLE_TIMEOUT,
    maxLifetimeSeconds: lifetime,
    keepAlive: true,
    application_name: 'heimdall',
    Client: CalmClient,
  })
  const lost = (error: Error) => log.debug({ store: 'postgres', error: error.message }, 'connection lost')
  pool.on('error', lost)
  pool.on('connect', (client) => client.on('error', lost)) // one in use has no listener of the pool's
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: discardBroken(pool) }) })
  return { kind: 'postgres', db, close: () => db.destroy().then(() => (pool.ended ? undefined : pool.end())) }
}

/**
 * Lends connections; one on which a query failed for another reason than Postgres saying so does not go back to the pool.
 * When none was heard from meanwhile, nor do those that were open already: each would cost somebody a deadline to find out.
 */
function discardBroken(pool: Pool): PostgresPool {
  const born = new WeakMap<PoolClient, number>()
  let [silentSince, heardAt] = [0, 0]
  pool.on('connect', (client) => born.set(client, performance.now()))

  const lend = async (): Promise<PoolClient> => {
    for (;;) {
      const client = await pool.connect()
      if ((born.get(client) ?? 0) >= silentSince) return client
      destroy(client)
    }
  }

  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      const client = await lend()
      let broken = false
      const query = async (text: string, parameters: readonly unknown[]) => {
        const askedAt = performance.now()
        try {
          const answer = await client.query(text, [...parameters])
          heardAt = performance.now()
          return answer
        } catch (error) {
          if (error instanceof DatabaseError) heardAt = performance.now()
          else broken = true
          if (heardAt < askedAt) silentSince = Math.max(silentSince, askedAt)
          throw error
        }
      }
      const release = (discard?: boolean) => (broken ? destroy(client) : client.release(discard))
      return { query, release } as unknown as PostgresPoolClient // all of it but cursors, which nobody here uses
    },
  }
}

/** Closes a connection without the good-bye, which nobody may be there to answer. */
function destroy(client: PoolClient): void {
  const { connection } = client as unknown as { connection: { stream: Socket } }
  connection.stream.destroy()
  client.release(true)
}
