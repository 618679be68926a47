/**
 * Two gateways with one file, on one Redis and one Postgres: what one has learned, the other finds in Redis.
 *
 * @module
 */
import { request } from 'undici'

import { fixed } from './answers.ts'
import { serve, type TestGateway } from './gateway.ts'
import { startIssuer, type TestIssuer } from './issuer.ts'
import type { Keep } from './keeper.ts'
import { startPostgres, type TestPostgres } from './postgres.ts'
import { eventually } from './processes.ts'
import { startRedis, type TestRedis } from './redis.ts'
import { sample } from './samples.ts'
import { storeDirectory, type StoredDirectory } from './stored-directory.ts'
import { startUpstream, type Upstream } from './upstream.ts'

export interface GatewayPair {
  readonly upstream: Upstream
  readonly issuer: TestIssuer
  readonly redis: TestRedis
  readonly postgres: TestPostgres
  readonly directory: StoredDirectory
  readonly first: TestGateway
  readonly second: TestGateway
}

export interface PairOptions {
  /** Further lines of the file, `routes:` among them. */
  readonly file: string
  /** Further authenticators, a line each. */
  readonly authenticators?: (issuer: TestIssuer) => string
  /** May change the issuer's keys before anybody asks for them. */
  readonly publish?: (issuer: TestIssuer) => void
}

/** Starts all of it: `acme` takes tokens and adds the directory's grants, `login` takes sessions, `keys` API keys. */
export async function startPair(keep: Keep, options: PairOptions): Promise<GatewayPair> {
  const upstream = keep(await startUpstream(fixed(200, 'service')))
  const issuer = keep(await startIssuer())
  options.publish?.(issuer)
  const redis = keep(await startRedis())
  const postgres = keep(await startPostgres())
  const directory = keep(await storeDirectory(postgres.url))
  const keys = `issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", cooldown: 1h`
  const yaml = `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
bad_credentials: off
stores: { postgres: "${directory.url}", redis: "${redis.url}" }
upstreams: { service: "${upstream.url}" }
authenticators:
  acme: { jwt: { ${keys}, audience: orders-api, clock_skew: 0s, grants: both } }
  login: { session: {} }
  keys: { api_key: {} }
${options.authenticators?.(issuer) ?? ''}
defaults: { upstream: service, authenticate: [acme, login, keys] }
${options.file}`
  const started = await Promise.all([serve(yaml), serve(yaml)])
  const [first, second] = [keep(started[0]), keep(started[1])]
  for (const { probes } of [first, second])
    await eventually('all is ready', async () => (await request(`${probes}/readyz`)).statusCode === 200)
  return { upstream, issuer, redis, postgres, directory, first, second }
}

/** How often a gateway's lookups were answered by a layer. */
export async function answersFrom(gateway: TestGateway, cache: string, layer: 'l1' | 'l2' | 'source'): Promise<number> {
  return sample(await gateway.metrics(), 'heimdall_cache_reads_total', { cache, layer })
}

/** Waits until Redis holds an answer to one of the lookups. */
export async function inRedis({ redis }: GatewayPair, cache: string, key: string): Promise<void> {
  const place = `heimdall:1:${cache}:${key}`
  await eventually(`${cache} in Redis`, async () => (await redis.client.exists(place)) === 1)
}
