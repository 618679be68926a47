/**
 * A directory in a real Postgres, a real Redis, and gates of one file before them, in this process.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createKeySets } from '#authn/key-sets.ts'
import { createLookups } from '#authn/lookups.ts'
import { disk } from '#config/files.ts'
import { loadConfig } from '#config/load.ts'
import { createBadCredentials } from '#gate/bad-credentials.ts'
import { compileGate } from '#gate/compile.ts'
import { decide } from '#gate/decide.ts'
import type { Decision } from '#gate/flight.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import type { RawRequest } from '#request/incoming.ts'
import type { Eventually } from '#request/verdict.ts'
import { connectPostgres } from '#stores/postgres.ts'
import { createSqlReads } from '#stores/reads-sql.ts'
import { connectRedis } from '#stores/redis.ts'
import { createSharedCache } from '#stores/shared-cache.ts'
import { grant, setRole, upsertUser } from '#stores/writes.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { startPostgres } from '../../test/support/postgres.ts'
import { eventually } from '../../test/support/processes.ts'
import { startRedis } from '../../test/support/redis.ts'
import { storeDirectory } from '../../test/support/stored-directory.ts'

/** What a client proves who it is with. */
export type Kind = 'session' | 'API key'

/** A gateway as far as it decides. */
export interface Gate {
  decide(request: RawRequest): Eventually<Decision>
  /** Lets this gateway's own time go on: what its memory holds is as much older. */
  later(milliseconds: number): void
}

export interface World {
  /** Requests of as many people, each with a credential of its own. */
  readonly requests: Readonly<Record<Kind, readonly RawRequest[]>>
  /** A gateway that knows nobody yet; connected already, as one that has served for long. */
  newGate(): Gate
  /** Takes everything out of Redis. */
  emptyRedis(): Promise<void>
  close(): Promise<void>
}

/** As a service's file would be: identities from the directory, a permission asked for, a limit counted in this process. */
const file = (stores: string) => `
version: 1
stores: ${stores}
upstreams: { app: "http://127.0.0.1:1" }
authenticators:
  keys: { api_key: {} }
  login: { session: {} }
limits: { per-subject: { allow: 1000000/min, by: subject, shared: false } }
defaults: { upstream: app, authenticate: [keys, login], limits: [per-subject] }
routes:
  - { name: orders, path: /orders/**, require: { permissions: ["orders:read"] } }
`

/** Starts one with as many people. */
export async function startWorld(people: number): Promise<World> {
  const parts = new AsyncDisposableStack()
  try {
    return await start(parts, people)
  } catch (error) {
    await parts.disposeAsync()
    throw error
  }
}

async function start(parts: AsyncDisposableStack, people: number): Promise<World> {
  const redisServer = parts.adopt(await startRedis(), (it) => it.stop())
  const postgresServer = parts.adopt(await startPostgres(), (it) => it.stop())
  const directory = parts.adopt(await storeDirectory(postgresServer.url), (it) => it.close())
  const requests = await populate(directory, people)

  const folder = parts.adopt(mkdtempSync(join(tmpdir(), 'heimdall-decision-')), (it) => rmSync(it, { recursive: true }))
  const path = join(folder, 'heimdall.yaml')
  writeFileSync(path, file(JSON.stringify({ redis: redisServer.url, postgres: directory.url })))
  const loaded = loadConfig(path, { ...disk, env: {} })
  if (!('config' in loaded)) throw new Error(`the file is not good: ${JSON.stringify(loaded.problems)}`)

  const metrics = createMetrics()
  const deps = { metrics, log: silent }
  const sql = parts.adopt(connectPostgres(directory.url, deps), (it) => it.close())
  const reads = parts.adopt(createSqlReads(sql, deps), (it) => it.close())
  const redis = parts.adopt(connectRedis(redisServer.url, deps), (it) => it.close())
  const keySets = parts.adopt(createKeySets(deps), (it) => it.close())
  await eventually('stores are connected', async () => redis.ready() && (await reads.ready()))
  const shared = createSharedCache(redis)

  return {
    requests,
    newGate() {
      let ahead = 0
      const lookups = createLookups({ reads, shared, clock: () => performance.now() + ahead, ...deps })
      const gate = compileGate(loaded.config, {
        authn: { clock: () => Date.now(), keySets, lookups, ...deps },
        limits: createLimiters({ metrics }),
        badCredentials: createBadCredentials(deps),
      })
      return { decide: (request) => decide(gate, request), later: (milliseconds) => void (ahead += milliseconds) }
    },
    async emptyRedis() {
      await redisServer.client.flushall()
    },
    close: () => parts.disposeAsync(),
  }
}

async function populate({ db, ...directory }: Awaited<ReturnType<typeof storeDirectory>>, people: number) {
  await setRole(db, 'clerk', ['orders:read', 'orders:write'])
  const requests: Record<Kind, RawRequest[]> = { session: [], 'API key': [] }
  for (let index = 0; index < people; index += 1) {
    const subject = `person-${index}`
    await upsertUser(db, { id: subject, email: `${subject}@example.test`, name: `Person ${index}`, tenant: 'acme' })
    await grant(db, { issuer: 'heimdall', subject }, { roles: ['clerk'], permissions: ['reports:read'] })
    const session = await directory.session(subject)
    const key = await directory.apiKey({ subject, permissions: ['orders:read'] })
    requests.session.push(request('Cookie', `heimdall_session=${session.value}`))
    requests['API key'].push(request('X-API-Key', key.value))
  }
  return requests
}

function request(header: string, value: string): RawRequest {
  const headers = ['Host', 'api.test', 'User-Agent', 'bench', 'Accept', '*/*', header, value]
  return { method: 'GET', url: '/orders/57?page=2', version: '1.1', headers, peer: '203.0.113.9', encrypted: false }
}
