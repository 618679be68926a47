/**
 * The connection to Redis or Valkey: shared cache and shared limits.
 *
 * Nobody waits for Redis. A command ends within 50 ms, or at once when there is no connection or the breaker is open;
 * nothing is queued for later. How the client is kept from it is in `redis-client.ts`.
 *
 * @module
 */
import { ReplyError } from 'ioredis'

import { createBreaker } from '#resilience/breaker.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import { readRedisUrl } from '#values/redis-url.ts'

import { CalmCluster, NodeAway } from './redis-cluster.ts'
import { LONGEST_RETRY, openRedis, type RedisClient } from './redis-client.ts'

const COMMAND_TIMEOUT = 50 // milliseconds
const MOST_COMMANDS = 1000 // under way at once
const notYet = /^(?:LOADING|MASTERDOWN|CLUSTERDOWN|EXECABORT)/ // the last: one of them amid a transaction of reads
const HEARTBEAT = 1000

export interface RedisDeps {
  readonly metrics: Metrics
  readonly log: Logger
}

export interface RedisStore {
  /** For commands beyond this file, such as the limiter's script: only within `run`. */
  readonly client: RedisClient
  /** True while commands would be refused at once. */
  readonly down: boolean
  /**
   * Runs commands under deadline and breaker. All keys of one call must be of one slot, should there be a Cluster.
   *
   * @param query what is done, for the metrics: one of a few fixed words
   * @param weight how many questions travel in it: all of them failed when it does
   * @throws CallRefused, DeadlineExceeded, or what Redis answered
   */
  run<T>(query: string, action: (client: RedisClient) => Promise<T>, weight?: number): Promise<T>
  /** True when connected and answering, for `/readyz`; of a Cluster, with every slot. */
  ready(): boolean
  close(): void
}

/**
 * Starts connecting and returns at once, whether or not Redis is there; it is connected to whenever it is.
 *
 * @param url as in the file, `values/redis-url.ts`
 * @throws TypeError for a URL that the file would not have been let in with, what node:fs says of its certificates
 */
export function connectRedis(url: string, { metrics, log }: RedisDeps): RedisStore {
  const place = readRedisUrl(url)
  if ('flaw' in place) throw new TypeError(`Redis URL ${place.flaw}`)
  const connection = openRedis(place, ({ message: error }) => log.debug({ store: 'redis', error }, 'connection lost'))
  const { client } = connection
  const heartbeat = setInterval(() => connection.beat(), HEARTBEAT).unref()
  const breaker = createBreaker('redis', {
    timeout: COMMAND_TIMEOUT,
    capacity: MOST_COMMANDS,
    volume: 20,
    errorShare: 0.5,
    inARow: 10,
    window: 10_000,
    resetAfter: LONGEST_RETRY,
    counts: isOutage,
    trial: (signal) => (client.status === 'ready' ? ping(client, signal) : notConnected()), // no request waits to learn that it is still away
    metrics,
    log,
  })

  return {
    client,
    get down() {
      return breaker.open
    },
    async run(query, action, weight) {
      const timed = metrics.storeDuration.startTimer({ store: 'redis', query })
      try {
        const value = await breaker.run(() => (client.status === 'ready' ? action(client) : notConnected()), weight)
        timed()
        return value
      } catch (error) {
        metrics.storeErrors.inc({ store: 'redis' })
        throw error
      }
    },
    ready: () => connection.ready() && !breaker.open,
    close() {
      clearInterval(heartbeat)
      connection.close()
      breaker.close()
    },
  }
}

/** A client of a Cluster would keep a transaction until there is one. */
function notConnected(): Promise<never> {
  return Promise.reject(new Error('not connected'))
}

/** A connection that is late, or answers another question, may have lost an answer and be late for ever: it is given up. */
async function ping(client: RedisClient, late: AbortSignal): Promise<void> {
  if (client instanceof CalmCluster) return client.probe()
  const giveUp = () => client.disconnect(true)
  late.addEventListener('abort', giveUp)
  if ((await client.ping()) === 'PONG') return
  giveUp()
  throw new TypeError('not the answer of Redis')
}

/**
 * A Redis that answers with an error (out of memory, wrong type) is there, unless it says that it is not yet.
 * One node of a Cluster that is known to be away is no reason to leave the others alone.
 */
function isOutage(error: unknown): boolean {
  if (error instanceof NodeAway) return false
  return !(error instanceof ReplyError) || notYet.test((error as Error).message)
}
