/**
 * A Redis Cluster of three primaries with a replica each, which are quick to find one another dead.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { eventually, needs, output, steadyPort } from './processes.ts'
import { startRedis, type ServerTls, type TestRedis } from './redis.ts'

const CLI = '/usr/bin/redis-cli'
/** Milliseconds of silence after which a node takes another for dead. */
const NODE_TIMEOUT = 1000

/** For `suite(…, { skip: noCluster })`. */
export const noCluster = needs('/usr/bin/redis-server', CLI)

export interface TestCluster {
  /** For the file. */
  readonly url: string
  readonly nodes: readonly TestRedis[]
  /** The primary that has the slot of a key, as a node that answers sees it. */
  ownerOf(key: string): Promise<TestRedis>
  /** Waits until another than this one has the slot of a key. */
  promoted(key: string, old: TestRedis): Promise<TestRedis>
  /** Waits until it is a replica, and in step. */
  demoted(old: TestRedis): Promise<void>
  stop(): Promise<void>
}

/** Starts it on loopback, and returns once every node says that all is well. */
export async function startCluster(tls?: ServerTls): Promise<TestCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-cluster-'))
  const nodes = await Promise.all(Array.from({ length: 6 }, () => startNode(folder, tls)))
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const secure = tls ? ['--tls', '--cacert', tls.files.ca, '--cert', tls.files.cert, '--key', tls.files.key] : []
  output(CLI, ['--cluster', 'create', ...hosts, '--cluster-replicas', '1', '--cluster-yes', ...secure])
  const isWell = async ({ client }: TestRedis) => {
    const info = String(await client.call('CLUSTER', 'INFO'))
    const told = await shards(client)
    return /cluster_state:ok/.test(info) && told.length === 3 && told.every(({ ports }) => ports.length === 2)
  }
  await eventually('the cluster is well', async () => (await Promise.all(nodes.map(isWell))).every(Boolean), 20_000)

  const ownerOf = async (key: string) => {
    const node = await Promise.any(nodes.map(async ({ client }) => ({ client, ok: await client.ping() })))
    const slot = Number(await node.client.call('CLUSTER', 'KEYSLOT', key))
    const shard = (await shards(node.client)).find(({ from, to }) => from <= slot && slot <= to)
    const owner = nodes.find(({ port }) => port === shard?.ports[0])
    if (owner === undefined) throw new Error('nobody has the slot')
    return owner
  }
  return {
    url: `${tls ? 'rediss' : 'redis'}-cluster://${hosts.slice(0, 3).join()}`,
    nodes,
    ownerOf,
    async promoted(key, old) {
      let owner = old
      await eventually('another has the slot', async () => (owner = await ownerOf(key)) !== old, 20_000)
      return owner
    },
    async demoted({ client }) {
      const inStep = async () => /role:slave[^]*master_link_status:up/.test(await client.info('replication'))
      await eventually('the old primary is a replica', inStep, 30_000)
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
      rmSync(folder, { recursive: true })
    },
  }
}

async function startNode(folder: string, tls?: ServerTls): Promise<TestRedis> {
  const [port, bus] = [await steadyPort(), await steadyPort()]
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-config-file': `nodes-${port}.conf`,
    dir: folder,
    dbfilename: `${port}.rdb`,
    'cluster-port': String(bus),
    'cluster-node-timeout': String(NODE_TIMEOUT),
    'cluster-require-full-coverage': 'no',
    'cluster-replica-validity-factor': '0',
    ...(tls && { 'tls-cluster': 'yes', 'tls-replication': 'yes' }),
    'repl-diskless-sync-delay': '0',
    'repl-ping-replica-period': '1',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  return startRedis(options, { port, tls })
}

/** Slots by who has them, the primary first. */
async function shards(client: TestRedis['client']) {
  const told = (await client.call('CLUSTER', 'SLOTS')) as [number, number, ...[string, number][]][]
  return told.map(([from, to, ...nodes]) => ({ from, to, ports: nodes.map(([, port]) => port) }))
}
