/**
 * A gateway under traffic whose Redis has somebody to take its place, and what the counters in Redis say afterwards.
 *
 * @module
 */
import { request } from 'undici'

import { serve, type TestGateway } from './gateway.ts'
import { startIssuer, type TestIssuer } from './issuer.ts'
import type { Keep } from './keeper.ts'
import type { Ask, Load } from './load.ts'
import { mixture } from './mixture.ts'
import { startPostgres } from './postgres.ts'
import { eventually } from './processes.ts'
import type { TestRedis } from './redis.ts'
import { sample } from './samples.ts'
import { storeDirectory } from './stored-directory.ts'
import { startTraffic } from './traffic.ts'
import { expecting, startWitness, type Witness } from './witness.ts'

export interface FailoverScene {
  readonly gateway: TestGateway
  readonly service: Witness
  /** Tokens, sessions and keys of `mixture`; a fifth are tokens whose limit must be counted in Redis, or is refused. */
  readonly traffic: Load
  readonly metric: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number>
  /** How `/readyz` says that Redis fares. */
  redis(): Promise<string | undefined>
}

const PEOPLE = 30

/** The limit that says `on_store_down: deny`. */
export const STRICT = 'strict'

/** Starts a gateway on the Redis of a URL, and returns once all is well. */
export async function startFailoverScene(keep: Keep, redisUrl: string): Promise<FailoverScene> {
  const postgres = keep(await startPostgres())
  const directory = keep(await storeDirectory(postgres.url))
  const issuer = keep(await startIssuer())
  const service = keep(await startWitness())
  const gateway = keep(await serve(fileOf(redisUrl, directory.url, issuer, service)))
  const mixed = await mixture(directory, issuer)
  const strict = strictly(issuer)
  const next = (turn: number) => (turn % 5 === 0 ? strict(turn / 5) : mixed(turn))
  const traffic = keep(startTraffic(gateway.url, next, { clients: 50, rate: 200 }))
  const redis = async () => {
    const { body } = await request(`${gateway.probes}/readyz`)
    const { components } = (await body.json()) as { components: Record<string, { status: string }> }
    return components['redis']?.status
  }
  await eventually('Redis is up', async () => (await redis()) === 'up')
  const isWarm = () => traffic.answers.slice(-200).filter(({ status }) => status === 200).length === 200
  await eventually('all is warm', isWarm, 15_000)
  return {
    gateway,
    service,
    traffic,
    redis,
    metric: async (name, labels) => sample(await gateway.metrics(), name, labels),
  }
}

function fileOf(redis: string, postgres: string, issuer: TestIssuer, service: Witness): string {
  return `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 2s
stores: { redis: "${redis}", postgres: "${postgres}" }
upstreams: { service: "${service.url}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}" } }
  login: { session: {} }
  keys: { api_key: {} }
limits:
  per-user: { allow: 1000000/h, by: subject, on_store_down: local }
  ${STRICT}: { allow: 1000000/h, by: subject, on_store_down: deny }
defaults: { upstream: service, limits: [per-user] }
routes:
  - { path: /token, authenticate: [acme], require: { permissions: [orders:read] } }
  - { path: /session, authenticate: [login] }
  - { path: /key, authenticate: [keys], require: { permissions: [orders:read] } }
  - { path: /strict, authenticate: [acme], limits: [${STRICT}] }
`
}

function strictly(issuer: TestIssuer): (turn: number) => Ask {
  const permissions = 'orders:read'
  const asks = Array.from({ length: PEOPLE }, (_, index): Ask => {
    const subject = `strict-${index}`
    const expected = expecting({ issuer: issuer.name, subject, authenticator: 'acme', permissions })
    const token = issuer.as(subject, { permissions: [permissions], exp: Math.floor(Date.now() / 1000) + 3600 })
    return { kind: subject, path: '/strict', headers: { ...expected, ...token } }
  })
  return (turn) => asks[turn % PEOPLE] ?? { kind: 'nobody', path: '/' }
}

/** Requests counted by the strict limit in these servers, by subject: `strict-7`. */
export async function countsIn(nodes: readonly TestRedis[]): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const { client } of nodes)
    for (const key of await client.keys(`heimdall:limit:${STRICT}:*`)) {
      const [subject = ''] = /strict-\d+/.exec(key.slice(`heimdall:limit:${STRICT}:`.length)) ?? []
      const log = ((await client.get(key)) ?? '').split(' ').map(Number) // gap and size by turns
      const total = log.reduce((sum, size, index) => (index % 2 === 1 ? sum + size : sum), 0)
      counts.set(subject, (counts.get(subject) ?? 0) + total)
    }
  return counts
}
