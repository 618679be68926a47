/**
 * A real Redis for tests.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { Redis } from 'ioredis'

import type { Certificates } from './certificates.ts'
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
  /** Speaks TLS alone. */
  readonly tls?: ServerTls | undefined
}

/** Certificates as servers want them: files, and options that name them. */
export interface ServerTls extends Certificates {
  /** For URLs: `/…/ca.pem`. */
  readonly files: Readonly<Record<'ca' | 'cert' | 'key', string>>
  readonly args: readonly string[]
}

/** Puts certificates into a folder; clients need one too when `mutual`. */
export function serverTls(folder: string, made: Certificates, mutual = false): ServerTls {
  const put = (name: 'ca' | 'cert' | 'key') => {
    const path = join(folder, `${name}.pem`)
    writeFileSync(path, made[name])
    return path
  }
  const files = { ca: put('ca'), cert: put('cert'), key: put('key') }
  const named = ['--tls-ca-cert-file', files.ca, '--tls-cert-file', files.cert, '--tls-key-file', files.key]
  return { ...made, files, args: [...named, '--tls-auth-clients', mutual ? 'yes' : 'no'] }
}

/** Starts one on loopback. */
export async function startRedis(args: readonly string[] = [], options: RedisOptions = {}): Promise<TestRedis> {
  const { port = await freePort(), tls } = options
  const where = tls === undefined ? ['--port', String(port)] : ['--port', '0', '--tls-port', String(port), ...tls.args]
  const launch = () => start(SERVER, [...where, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...args])
  let server = launch()
  const client = new Redis(port, '127.0.0.1', {
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    ...(tls && { tls: { ca: tls.ca, cert: tls.cert, key: tls.key } }),
  })
  client.on('error', () => undefined)
  const answers = () => eventually('redis answers', async () => (await client.ping()) === 'PONG')
  await answers()
  return {
    url: `${tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
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
