/**
 * The scene of the faults: a gateway with all its neighbours, a fault proxy before each, and steady traffic.
 *
 * @module
 */
import assert from 'node:assert/strict'

import { request } from 'undici'

import { ask } from './ask.ts'
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts'
import { serve, type ServeOptions, type TestGateway } from './gateway.ts'
import { startIssuer, type TestIssuer } from './issuer.ts'
import type { Load } from './load.ts'
import { byKeyOf, bySessionOf, mixture, strangers } from './mixture.ts'
import { startPostgres, type TestPostgres } from './postgres.ts'
import { eventually } from './processes.ts'
import { startRedis, type TestRedis } from './redis.ts'
import { sample } from './samples.ts'
import { storeDirectory, type StoredDirectory } from './stored-directory.ts'
import { startTraffic } from './traffic.ts'
import { startWitness, type Witness } from './witness.ts'

/** The real ones. */
export interface Neighbours {
  readonly redis: TestRedis
  readonly postgres: TestPostgres
  readonly directory: StoredDirectory
  readonly issuer: TestIssuer
  readonly service: Witness
}

/** What stands between the gateway and each. */
export type Proxies = Readonly<Record<'redis' | 'postgres' | 'keys' | 'service', FaultProxy>>

export interface Scene extends Neighbours {
  readonly proxies: Proxies
  readonly gateway: TestGateway
  /** Answers to those who have a right to one. */
  readonly traffic: Load
  /** Answers to everybody else. */
  readonly strangers: Load
  /** Answers of `/livez`, which waits for nobody: how late the machine is. */
  readonly control: Load
  /** Hands out a session or a key; `ask` asks with it, for the status of the answer. */
  newSession(): Promise<HandedOut>
  newKey(): Promise<HandedOut>
  /** Sum of the samples of a metric. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>
  /** What `/readyz` says: its status code, and how the components fare. */
  readiness(): Promise<Readonly<Record<string, number | string>>>
  /** Fails when anything happened that must never happen, whatever fails. */
  assertHonest(): void
}

/** A secret, and a request with it. */
export interface HandedOut {
  readonly value: string
  /** Of a request with it. */
  readonly headers: Readonly<Record<string, string>>
  readonly ask: () => Promise<number>
}

export interface SceneOptions {
  /** Requests a second of those who have a right to be answered. */
  readonly rate?: number
  /** Arguments of the Redis server. */
  readonly redis?: readonly string[]
  /** How the gateway is started. */
  readonly gateway?: ServeOptions
}

type Endable = { end?(): Promise<unknown>; stop?(): Promise<unknown>; close?(): Promise<unknown> }
type Keep = <T extends Endable>(started: T) => T

const CLIENTS = 50

/** The file of the gateway. */
export function sceneFile(proxies: Proxies, issuer: string): string {
  const { redis, postgres, keys, service } = proxies
  return `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 2s
stores:
  redis: "redis://127.0.0.1:${redis.port}"
  postgres: "postgres://gateway@127.0.0.1:${postgres.port}/postgres"
upstreams:
  service: { targets: ["http://127.0.0.1:${service.port}"], timeout: { connect: 500ms, headers: 2s, idle: 2s }, breaker: { open_for: 1s } }
authenticators:
  acme:
    jwt: { issuer: "${issuer}", audience: orders-api, jwks_url: "http://127.0.0.1:${keys.port}/jwks", cooldown: 1s, refresh: 1s }
  login: { session: {} }
  keys: { api_key: {} }
limits:
  per-user: { allow: 1000000/min, by: subject }
  few: { allow: 40/min, by: subject, report: true }
defaults: { upstream: service, limits: [per-user] }
routes:
  - { path: /token, authenticate: [acme], require: { permissions: [orders:read] } }
  - { path: /session, authenticate: [login] }
  - { path: /key, authenticate: [keys], require: { permissions: [orders:read] } }
  - { path: /few, authenticate: [acme], limits: [few] }
`
}

/** Starts all of the neighbours. */
async function startNeighbours(keep: Keep, redis: readonly string[] = []): Promise<Neighbours> {
  const postgres = keep(await startPostgres())
  return {
    postgres,
    redis: keep(await startRedis(redis)),
    directory: keep(await storeDirectory(postgres.url)),
    issuer: keep(await startIssuer()),
    service: keep(await startWitness()),
  }
}

/** Starts a fault proxy before each. */
async function startProxies(keep: Keep, { redis, postgres, issuer, service }: Neighbours): Promise<Proxies> {
  const before = async (port: number) => keep(await startFaultProxy(port))
  return {
    redis: await before(redis.port),
    postgres: await before(postgres.port),
    keys: await before(Number(new URL(issuer.keys.origin).port)),
    service: await before(service.port),
  }
}

/** Starts everything, and returns once all is well. */
export async function startScene(keep: Keep, options: SceneOptions = {}): Promise<Scene> {
  const neighbours = await startNeighbours(keep, options.redis)
  const proxies = await startProxies(keep, neighbours)
  const { issuer, service, directory } = neighbours
  const gateway = keep(await serve(sceneFile(proxies, issuer.name), options.gateway))
  const readiness = async () => {
    const { statusCode, body } = await request(`${gateway.probes}/readyz`)
    const { components } = (await body.json()) as { components: Record<string, { status: string }> }
    const fares = Object.entries(components).map(([name, { status }]) => [name, status])
    return { status: statusCode, ...(Object.fromEntries(fares) as Record<string, string>) }
  }
  await eventually('all is ready', async () => {
    const now: Readonly<Record<string, number | string>> = await readiness()
    return now['status'] === 200 && now['redis'] === 'up' && now['postgres'] === 'up'
  })
  const asks = await mixture(directory, issuer)
  const traffic = keep(startTraffic(gateway.url, asks, { clients: CLIENTS, rate: options.rate ?? 200 }))
  const alive = { kind: 'control', path: '/livez' }
  const control = keep(startTraffic(gateway.probes, () => alive, { clients: 5, rate: 40 }))
  const bad = keep(startTraffic(gateway.url, strangers(issuer), { clients: 2, rate: 10, from: '127.0.0.2' }))
  await eventually('all is warm', () => traffic.answers.slice(-100).filter(({ status }) => status === 200).length > 99)
  return {
    ...neighbours,
    proxies,
    gateway,
    traffic,
    strangers: bad,
    control,
    async newSession() {
      const { value } = await directory.session('person-1')
      const headers = { ...bySessionOf(1), Cookie: `heimdall_session=${value}` }
      return { value, headers, ask: async () => (await ask(gateway, 'GET /session', headers)).status }
    },
    async newKey() {
      const { value } = await directory.apiKey({ subject: 'person-1', permissions: ['orders:read'] })
      const headers = { ...byKeyOf(1), 'X-API-Key': value }
      return { value, headers, ask: async () => (await ask(gateway, 'GET /key', headers)).status }
    },
    metric: async (name, labels) => sample(await gateway.metrics(), name, labels),
    readiness,
    assertHonest() {
      assert.deepEqual(service.wrong, [], 'no identity is told that is not the true one')
      assert.deepEqual(service.unauthorised, [], 'nothing arrives without the right to')
      assert.deepEqual(
        bad.answers.filter(({ status }) => status === 200),
        [],
        'no stranger is served',
      )
      assert.equal(gateway.errors(), '')
      assert.deepEqual(
        gateway.lines.filter(({ level }) => level === 'error' || level === 'fatal'),
        [],
      )
      assert.equal(gateway.child.exitCode, null)
    },
  }
}
