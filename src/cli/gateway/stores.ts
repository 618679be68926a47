/**
 * The stores of a gateway process: opened once, whatever the file says later. Their clients are loaded here, when the
 * file names them: a third of what a start would read, and a fifth of what it would hold.
 *
 * @module
 */
import { createLookups, type Lookups } from '#authn/lookups.ts'
import type { Config } from '#config/config.ts'
import type { Component } from '#http/health.ts'
import type { SharedCounters } from '#ratelimit/shared.ts'
import type { RedisStore } from '#stores/redis.ts'
import type { SqlStore } from '#stores/sql-store.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

const EMBEDDED = 'embedded:'

export interface Stores {
  readonly redis: RedisStore | undefined
  /** Absent without Redis. */
  readonly counters: SharedCounters | undefined
  readonly sql: SqlStore | undefined
  /** Absent without a database. */
  readonly lookups: Lookups | undefined
  /** For `/readyz`. */
  readonly components: readonly Component[]
  close(): Promise<void>
}

export interface StoresDeps {
  readonly metrics: Metrics
  readonly log: Logger
}

/**
 * Connects to what the file names; neither Redis nor Postgres has to be there for the gateway to start.
 *
 * @throws DirectoryInUse, or what PGlite says, for an embedded database that cannot be opened
 */
export async function openStores(stores: Config['stores'], deps: StoresDeps): Promise<Stores> {
  const sql = stores.postgres === undefined ? undefined : await openSql(stores.postgres, deps.log)
  const redis = stores.redis === undefined ? undefined : await openRedis(stores.redis, deps)
  const reads = sql && (await import('#stores/reads-sql.ts')).createSqlReads(sql, deps)
  const shared = redis && (await import('#stores/shared-cache.ts')).createSharedCache(redis)
  const counters = redis && (await import('#ratelimit/shared.ts')).sharedCounters({ redis, ...deps })
  return {
    redis,
    counters,
    sql,
    lookups: reads && createLookups({ reads, shared, ...deps }),
    components: [
      { name: 'redis', check: () => redisStatus(redis) },
      { name: 'postgres', check: async () => ({ status: reads === undefined ? 'disabled' : await upOrDown(reads) }) },
    ],
    async close() {
      redis?.close()
      reads?.close()
      await sql?.close()
    },
  }
}

/**
 * Opens a database for reading, or for longer work with a `timeout` in milliseconds.
 *
 * @param location URL of a Postgres, or `embedded:` and a folder
 */
export async function openSql(location: string, log: Logger, timeout?: number): Promise<SqlStore> {
  if (location.startsWith(EMBEDDED)) {
    const { openEmbedded } = await import('#stores/embedded.ts')
    return await openEmbedded(location.slice(EMBEDDED.length))
  }
  const { connectPostgres } = await import('#stores/postgres.ts')
  return connectPostgres(location, { log, ...(timeout !== undefined && { timeout }) })
}

async function openRedis(url: string, deps: StoresDeps): Promise<RedisStore> {
  const { connectRedis } = await import('#stores/redis.ts')
  return connectRedis(url, deps)
}

function redisStatus(redis: RedisStore | undefined) {
  if (redis === undefined) return { status: 'disabled' } as const
  return { status: redis.ready() ? 'up' : 'down' } as const
}

async function upOrDown(reads: { ready(): Promise<boolean> }): Promise<'up' | 'down'> {
  return (await reads.ready()) ? 'up' : 'down'
}
