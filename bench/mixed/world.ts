/**
 * The world of a run: stores with everybody in them, an issuer, a service, and two gateways before it.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { newApiKey, newSession } from '#directory/secrets.ts'

import { serve, type TestGateway } from '../../test/support/gateway.ts'
import { startIssuer } from '../../test/support/issuer.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { startRedis, type TestRedis } from '../../test/support/redis.ts'
import { startService } from '../../test/support/service.ts'
import { storeDirectory, type StoredDirectory } from '../../test/support/stored-directory.ts'
import type { Secrets } from './credentials.ts'
import { kindOf, subjectOf } from './people.ts'
import type { Plan } from './plan.ts'
import type { Sightings } from './sightings.ts'

const AT_ONCE = 1000 // rows of a statement
const LIFETIME = 7_200_000
const GATEWAYS = 2

export interface World {
  readonly gateways: readonly TestGateway[]
  readonly redis: TestRedis
  readonly plan: Pick<Plan, 'gateways' | 'issuer' | 'signer' | 'postgres' | 'secrets'>
  stop(): Promise<void>
}

/** Starts it. What was started is stopped again when something fails. */
export async function makeWorld(identities: number, sightings: Sightings): Promise<World> {
  const open: (() => unknown)[] = []
  const stop = async () => {
    for (const close of open.splice(0).toReversed()) await close()
  }
  try {
    const folder = mkdtempSync(join(tmpdir(), 'heimdall-mixed-'))
    open.push(() => rmSync(folder, { recursive: true, force: true }))
    const redis = await startRedis()
    open.push(() => redis.stop())
    const postgres = await startPostgres()
    open.push(() => postgres.stop())
    const directory = await storeDirectory(postgres.url)
    open.push(() => directory.close())
    const secrets = join(folder, 'secrets.json')
    writeFileSync(secrets, JSON.stringify(await fill(directory, identities)))
    const issuer = await startIssuer({ alg: 'ES256' })
    open.push(() => issuer.close())
    const service = await startService((_, answer) => answer.end('{"orders":[1,2,3]}'))
    open.push(() => service.close())
    const file = fileOf({ postgres: directory.url, redis: redis.url, service: service.url, issuer })
    const gateways: TestGateway[] = []
    for (let index = 0; index < GATEWAYS; index += 1) {
      const gateway = await serve(file, { keep: sightings.keep })
      open.push(() => gateway.end())
      gateways.push(gateway)
    }
    const { kid, key } = issuer.signer
    return {
      gateways,
      redis,
      plan: {
        gateways: gateways.map(({ port }) => port),
        issuer: issuer.name,
        signer: { jwk: { ...key.export({ format: 'jwk' }) }, kid },
        postgres: postgres.url,
        secrets,
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Parts {
  readonly postgres: string
  readonly redis: string
  readonly service: string
  readonly issuer: { readonly name: string; readonly keys: { readonly url: string } }
}

function fileOf({ postgres, redis, service, issuer }: Parts): string {
  return `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
stores: { postgres: "${postgres}", redis: "${redis}" }
upstreams: { service: "${service}" }
roles: { reader: ["orders:read"] }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } }
  login: { session: {} }
  keys: { api_key: {} }
routes:
  - name: orders
    path: /orders/**
    upstream: service
    authenticate: [acme, login, keys]
    require: { permissions: ["orders:read"] }
`
}

/** Writes everybody who has a session or a key into the directory. */
async function fill({ db }: StoredDirectory, identities: number): Promise<Secrets> {
  const expires_at = new Date(Date.now() + LIFETIME)
  const lines: [number, string, string][] = []
  for (let from = 0; from < identities; from += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, identities - from) }, (_, index) => from + index)
    const sessions = some.filter((one) => kindOf(one) === 'session').map((one) => ({ one, made: newSession() }))
    const keys = some.filter((one) => kindOf(one) === 'key').map((one) => ({ one, made: newApiKey() }))
    for (const { one, made } of sessions) lines.push([one, `Cookie: heimdall_session=${made.value}`, made.id])
    for (const { one, made } of keys) lines.push([one, `X-API-Key: ${made.value}`, made.id])

    const people = sessions.map(({ one }) => ({ id: subjectOf(one) }))
    await db.insertInto('heimdall.users').values(people).execute()
    const grants = people.map(({ id }) => ({ issuer: 'heimdall', subject: id, kind: 'role' as const, value: 'reader' }))
    await db.insertInto('heimdall.grants').values(grants).execute()
    const sessionRows = sessions.map(({ one, made: { id, digest } }) => ({ id, digest, subject: subjectOf(one) }))
    await db
      .insertInto('heimdall.sessions')
      .values(sessionRows.map((row) => ({ ...row, expires_at, revoked_at: null })))
      .execute()
    const keyRows = keys.map(({ one, made: { id, digest } }) => ({ id, digest, subject: subjectOf(one) }))
    const permissions = ['orders:read']
    await db
      .insertInto('heimdall.api_keys')
      .values(keyRows.map((row) => ({ ...row, permissions, expires_at: null, revoked_at: null })))
      .execute()
  }
  return { lines }
}
