/**
 * The client of a Redis: of one server, of the primary that Sentinels name, or of a Cluster.
 *
 * Left to itself the client holds commands until there is a server to send them to, sends again what a broken connection
 * left unanswered, and waits for ever for a Sentinel that is silent. Here none of the three kinds does.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'

import { Redis, type CommonRedisOptions } from 'ioredis'

import type { RedisPlace } from '#values/redis-url.ts'

import { CalmCluster } from './redis-cluster.ts'
import { createSentinels } from './redis-sentinels.ts'

const CONNECT_TIMEOUT = 1000 // milliseconds
const SILENCE = 1000 // a connection that owes answers and says nothing this long is given up
const LEAVING = 100 // milliseconds in which a connection that was left is closed
const TOPOLOGY_TIMEOUT = 500 // for a Sentinel, or a node of a Cluster, to say where the primaries are
const TOPOLOGY_INTERVAL = 5000 // a Cluster is asked again without a reason, too

/** How long a client rests at most between attempts to connect, so that a Redis that is back is used again within a second. */
export const LONGEST_RETRY = 500

export type RedisClient = Redis | CalmCluster

/** A client and what keeps it where it belongs. */
export interface RedisConnection {
  readonly client: RedisClient
  /** True when there is a server to ask; of a Cluster, one for every slot. */
  ready(): boolean
  /** To be called every second or so: gives up what hangs, follows what has moved. */
  beat(): void
  close(): void
}

/**
 * Begins to connect.
 *
 * @param lost is told of connections that fail; the client tries again by itself
 * @throws what node:fs says of a certificate that cannot be read
 */
export function openRedis(place: RedisPlace, lost: (error: Error) => void): RedisConnection {
  const tls = place.tls && readTls(place.tls)
  if (place.kind === 'cluster') return ofCluster(place, tls, lost)
  return place.kind === 'sentinel' ? ofSentinels(place, tls, lost) : single(place, tls, lost)
}

/** A primary that became a replica is left, once for all the commands that hear of it: the client would leave it for each. */
function leaveReplica(): (error: Error) => boolean {
  let leftAt = -Infinity
  return ({ message }) => {
    if (!message.startsWith('READONLY') || performance.now() - leftAt < LEAVING) return false
    leftAt = performance.now()
    return true
  }
}

/** Every connection to a server that holds data. */
const connection = () =>
  ({
    commandTimeout: SILENCE, // for what the client sends by itself; the breaker's deadline comes first
    connectTimeout: CONNECT_TIMEOUT,
    socketTimeout: SILENCE,
    autoResendUnfulfilledCommands: false, // a command given up must not count later
    maxRetriesPerRequest: 1,
    reconnectOnError: leaveReplica(),
    connectionName: 'heimdall',
  }) satisfies CommonRedisOptions

type Tls = ConnectionOptions | undefined
type Lost = (error: Error) => void

function single({ hosts: [server], db, credentials }: RedisPlace, tls: Tls, lost: Lost): RedisConnection {
  const named = tls && isIP(server.host) === 0 && { servername: server.host }
  const client = new Redis({
    ...connection(),
    ...server,
    ...credentials,
    db,
    ...(tls && { tls: { ...tls, ...named } }),
    retryStrategy: rest,
    enableOfflineQueue: false,
  })
  client.on('error', lost)
  return { client, ready: () => client.status === 'ready', beat: () => undefined, close: () => client.disconnect() }
}

function ofSentinels(place: RedisPlace, tls: Tls, lost: Lost): RedisConnection {
  const { hosts, master, db, credentials, sentinelCredentials } = place
  const client = new Redis({
    ...connection(),
    ...credentials,
    db,
    sentinels: [...hosts],
    name: master,
    updateSentinels: false, // those in the file are asked, and none that they name
    sentinelUsername: sentinelCredentials.username,
    sentinelPassword: sentinelCredentials.password,
    sentinelCommandTimeout: TOPOLOGY_TIMEOUT,
    sentinelRetryStrategy: rest,
    ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    retryStrategy: rest,
    enableOfflineQueue: false,
  })
  client.on('error', lost)
  const sentinels = createSentinels(place, client, (host) => {
    const options = { ...connection(), ...host, ...sentinelCredentials, ...(tls && { tls }) }
    return new Redis({ ...options, retryStrategy: rest, enableOfflineQueue: false, enableReadyCheck: false }).on(
      'error',
      lost,
    )
  })
  return {
    client,
    ready: () => client.status === 'ready',
    beat() {
      if (client.status === 'ready') client.ping().catch(() => undefined)
      void sentinels.look()
    },
    close() {
      sentinels.close()
      client.disconnect()
    },
  }
}

function ofCluster({ hosts, credentials }: RedisPlace, tls: Tls, lost: Lost): RedisConnection {
  const client = new CalmCluster([...hosts], {
    redisOptions: { ...connection(), ...credentials, ...(tls && { tls }) },
    clusterRetryStrategy: rest,
    enableOfflineQueue: false,
    enableReadyCheck: false, // a Cluster without one of its primaries serves the slots of the others
    dnsLookup: (name, done) => done(null, name), // certificates are for names
    maxRedirections: 3, // follows keys that have moved, within the deadline of the command
    retryDelayOnFailover: 0, // whatever else fails is not tried again later
    retryDelayOnClusterDown: 0,
    slotsRefreshTimeout: TOPOLOGY_TIMEOUT,
    slotsRefreshInterval: TOPOLOGY_INTERVAL,
  })
  client.on('error', lost)
  client.on('node error', lost)
  return { client, ready: () => client.whole, beat: () => client.beat(), close: () => client.disconnect() }
}

function rest(attempt: number): number {
  return Math.min(50 * attempt, LONGEST_RETRY)
}

function readTls({ ca, cert, key }: NonNullable<RedisPlace['tls']>): ConnectionOptions {
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, 'utf8'))
  const files = { ca: read(ca), cert: read(cert), key: read(key) }
  return Object.fromEntries(Object.entries(files).filter(([, pem]) => pem !== undefined))
}
