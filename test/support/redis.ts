/**
 * A real Redis for tests.
 *
 * @module
 */
import { Redis } from 'ioredis'

import { eventually, freePort, kill, needs, signal, start } from './processes.ts'

const SERVER = '/usr/bin/redis-server'

/** For `suite(…, { skip: noRedis })`. */
export const noRedis = needs(SERVER)

export interface TestRedis {
  readonly url: string
  readonly port: number
  /** A client of the test's own, without the limits of ours. */
  readonly client: Redis
  /** Stops it from answering while connections stay open, until `resume`. */
  pause(): void
  resume(): void
  /** Kills it; `restart` brings an empty one back on the same port. */
  crash(): Promise<void>
  restart(): Promise<void>
  stop(): Promise<void>
}

export interface RedisOptions {
  /** A free one unless told. */
  readonly port?: number
  /** Speaks TLS alone; PEM of the authority that our client of it trusts. */
  readonly ca?: string
}

/** Starts one on loopback. */
export async function startRedis(args: readonly string[] = [], options: RedisOptions = {}): Promise<TestRedis> {
  const { port = await freePort(), ca } = options
  const where = ca === undefined ? ['--port', String(port)] : ['--port', '0', '--tls-port', String(port)]
  const launch = () => start(SERVER, [...where, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...args])
  let server = launch()
  const client = new Redis(port, '127.0.0.1', {
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    ...(ca !== undefined && { tls: { ca } }),
  })
  client.on('error', () => undefined)
  const answers = () => eventually('redis answers', async () => (await client.ping()) === 'PONG')
  await answers()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    client,
    pause: () => signal(server.pid, 'SIGSTOP'),
    resume: () => signal(server.pid, 'SIGCONT'),
    crash: () => kill(server),
    async restart() {
      server = launch()
      await answers()
    },
    async stop() {
      client.disconnect()
      await kill(server)
    },
  }
}
