/**
 * A Redis with two replicas and three Sentinels, which are quick to find the primary dead.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Redis } from 'ioredis'

import { eventually, kill, signal, start, steadyPort } from './processes.ts'
import { startRedis, type ServerTls, type TestRedis } from './redis.ts'

const SERVER = '/usr/bin/redis-server'
/** What the Sentinels call the primary. */
const NAME = 'orders'
/** Milliseconds of silence after which a Sentinel takes a server for dead. */
const DOWN_AFTER = 700

interface Sentinel {
  readonly port: number
  readonly client: Redis
  pause(): void
  resume(): void
  crash(): Promise<void>
  restart(): void
  stop(): Promise<void>
}

export interface TestSentinels {
  /** For the file. */
  readonly url: string
  readonly nodes: readonly TestRedis[]
  readonly sentinels: readonly Sentinel[]
  /** The server that most Sentinels call the primary. */
  primary(): Promise<TestRedis>
  /** Waits until another than this one is. */
  promoted(old: TestRedis): Promise<TestRedis>
  /** Waits until it is a replica, and in step. */
  demoted(old: TestRedis): Promise<void>
  /** The Sentinels make another the primary, with everybody's help. */
  switchOver(): Promise<void>
  stop(): Promise<void>
}

/** Starts them all on loopback, and returns once each knows of the others. */
export async function startSentinels(tls?: ServerTls): Promise<TestSentinels> {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-sentinel-'))
  const [first, ...others] = await startNodes(folder, tls)
  const nodes = [first, ...others]
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(folder, first.port, tls)))
  const primaryPort = async () => {
    const asked = sentinels.map(({ client }) => client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME))
    const ports = (await Promise.all(asked)).map((answer) => Number((answer as string[])[1]))
    return ports.find((port) => ports.filter((other) => other === port).length > 1)
  }
  const primary = async () => {
    const port = await primaryPort()
    const node = nodes.find((one) => one.port === port)
    if (node === undefined) throw new Error('the Sentinels do not agree')
    return node
  }
  await eventually(
    'all Sentinels know all',
    async () => {
      const known = sentinels.map(async ({ client }) => {
        const told = new Map(pairs((await client.call('SENTINEL', 'MASTER', NAME)) as string[]))
        return told.get('num-slaves') === '2' && told.get('num-other-sentinels') === '2'
      })
      return (await Promise.all(known)).every(Boolean)
    },
    20_000,
  )
  return {
    url: `${tls ? 'rediss' : 'redis'}-sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join()}/${NAME}`,
    nodes,
    sentinels,
    primary,
    async promoted(old) {
      const isOther = () =>
        primary().then(
          ({ port }) => port !== old.port,
          () => false,
        )
      await eventually('another is the primary', isOther, 20_000)
      const node = await primary()
      await eventually('it knows', async () => /role:master/.test(await node.client.info('replication')))
      return node
    },
    async demoted({ client }) {
      const inStep = async () => /role:slave[^]*master_link_status:up/.test(await client.info('replication'))
      await eventually('the old primary is a replica', inStep, 30_000)
    },
    async switchOver() {
      const old = await primary()
      await sentinels[0]?.client.call('SENTINEL', 'FAILOVER', NAME)
      await eventually(
        'another is the primary',
        async () => (await primary().catch(() => old)).port !== old.port,
        20_000,
      )
    },
    async stop() {
      await Promise.all([...nodes, ...sentinels].map((one) => one.stop()))
      rmSync(folder, { recursive: true })
    },
  }
}

async function startNodes(folder: string, tls?: ServerTls): Promise<readonly [TestRedis, ...TestRedis[]]> {
  const startNode = async (...more: string[]) => {
    const port = await steadyPort()
    // A replica leaves a file behind, which the next server to start in the same place would read.
    const args = ['--dir', folder, '--dbfilename', `${port}.rdb`, '--repl-diskless-sync-delay', '0', ...more]
    return startRedis(tls ? [...args, '--tls-replication', 'yes'] : args, { port, tls })
  }
  const first = await startNode()
  const replica = () => startNode('--replicaof', '127.0.0.1', String(first.port))
  return [first, await replica(), await replica()]
}

async function startSentinel(folder: string, primary: number, tls?: ServerTls): Promise<Sentinel> {
  const port = await steadyPort()
  const path = join(folder, `${port}.conf`)
  const lines = [
    tls ? `port 0\ntls-port ${port}\ntls-replication yes` : `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${primary} 2`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER}`,
    `sentinel failover-timeout ${NAME} 5000`,
  ]
  writeFileSync(path, `${lines.join('\n')}\n`)
  const launch = () => start(SERVER, [path, '--sentinel', ...(tls?.args ?? [])])
  let server = launch()
  const client = new Redis(port, '127.0.0.1', {
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    ...(tls && { tls: { ca: tls.ca, cert: tls.cert, key: tls.key } }),
  })
  client.on('error', () => undefined)
  return {
    port,
    client,
    pause: () => signal(server.pid, 'SIGSTOP'),
    resume: () => signal(server.pid, 'SIGCONT'),
    crash: () => kill(server),
    restart: () => void (server = launch()),
    async stop() {
      client.disconnect()
      await kill(server)
    },
  }
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : []))
}
