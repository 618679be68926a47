/**
 * The connection to Redis or Valkey: shared cache and shared limits.
 *
 * Nobody waits for Redis. A command ends within 50 ms, or at once when there is no connection or the breaker is open;
 * nothing is queued for later. Left to itself the client would hold commands for ever when the server is refused or hung,
 * and go on talking to a replica after a failover.
 *
 * @module
 */
import { Redis, ReplyError } from 'ioredis'

import { createBreaker } from '#resilience/breaker.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

const COMMAND_TIMEOUT = 50 // milliseconds
const CONNECT_TIMEOUT = 1000
const LONGEST_RETRY = 500 // so that a Redis that is back is used again within a second
const SILENCE = 1000 // a connection that owes answers and says nothing this long is given up
const MOST_COMMANDS = 1000 // under way at once

export interface RedisDeps {
  readonly metrics: Metrics
  readonly log: Logger
}

export interface RedisStore {
  /** For commands beyond this file, such as the limiter's script: only within `run`. */
  readonly client: Redis
  /** True while commands would be refused at once. */
  readonly down: boolean
  /**
   * Runs commands under deadline and breaker.
   *
   * @param query what is done, for the metrics: one of a few fixed words
   * @throws CallRefused, DeadlineExceeded, or what Redis answered
   */
  run<T>(query: string, action: (client: Redis) => Promise<T>): Promise<T>
  /** True when connected and answering, for `/readyz`. */
  ready(): boolean
  close(): void
}

/**
 * Starts connecting and returns at once, whether or not Redis is there; it is connected to whenever it is.
 *
 * @param url `redis://` or `rediss://` (TLS)
 */
export function connectRedis(url: string, { metrics, log }: RedisDeps): RedisStore {
  const client = new Redis(url, {
    commandTimeout: SILENCE, // for what the client sends by itself; the breaker's deadline comes first
    connectTimeout: CONNECT_TIMEOUT,
    socketTimeout: SILENCE,
    retryStrategy: (attempt) => Math.min(50 * attempt, LONGEST_RETRY),
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false, // a command given up must not count later
    maxRetriesPerRequest: 1,
    reconnectOnError: (error) => error.message.startsWith('READONLY'), // a primary that became a replica
    connectionName: 'heimdall',
  })
  client.on('error', (error: Error) => log.debug({ store: 'redis', error: error.message }, 'connection lost'))
  const breaker = createBreaker('redis', {
    timeout: COMMAND_TIMEOUT,
    capacity: MOST_COMMANDS,
    volume: 20,
    errorShare: 0.5,
    inARow: 10,
    window: 10_000,
    resetAfter: LONGEST_RETRY,
    counts: isOutage,
    metrics,
    log,
  })

  return {
    client,
    get down() {
      return breaker.open
    },
    async run(query, action) {
      const timed = metrics.storeDuration.startTimer({ store: 'redis', query })
      try {
        const value = await breaker.run(() => action(client))
        timed()
        return value
      } catch (error) {
        metrics.storeErrors.inc({ store: 'redis' })
        throw error
      }
    },
    ready: () => client.status === 'ready' && !breaker.open,
    close() {
      client.disconnect()
      breaker.close()
    },
  }
}

/** A Redis that answers with an error (out of memory, wrong type) is there, unless it says that it is not yet. */
function isOutage(error: unknown): boolean {
  return !(error instanceof ReplyError) || /^(?:LOADING|MASTERDOWN|CLUSTERDOWN)/.test((error as Error).message)
}
