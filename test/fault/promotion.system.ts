/**
 * A replica takes the place of Postgres under traffic: behind a name that follows the primary, as a Service or a VIP does (F6).
 *
 * Who needs no more than a token is served throughout. Sessions and keys are served while what is known of them is fresh,
 * then told to come back, never that they are unknown, and all is well within seconds of the name's change.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { newSession } from '#directory/secrets.ts'
import { connectPostgres } from '#stores/postgres.ts'
import { createSession, upsertUser } from '#stores/writes.ts'
import { silent } from '#telemetry/log.ts'

import { ask, outcomeOf } from '../support/ask.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { report } from '../support/figures.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import type { Answer, Ask, Load } from '../support/load.ts'
import { mixture } from '../support/mixture.ts'
import { noPostgres, startPostgres, startReplica, type TestPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { storeDirectory, type StoredDirectory } from '../support/stored-directory.ts'
import { liveThroughTakeover } from '../support/takeover.ts'
import { startTraffic, statsOf } from '../support/traffic.ts'
import { expecting, startWitness, type Witness } from '../support/witness.ts'

const FRESH = 5000 // milliseconds that an answer of the directory is believed
const BACK = 5000 // milliseconds from the change of the name until all is well
const READ = 500 // milliseconds that Postgres is waited for
const SLACK = 400 // milliseconds that a busy machine may add to the longest waits
const COLD = 600 // sessions that come back after they are forgotten
const LONGEST = 180_000 // milliseconds for a suite

const isToken = ({ kind }: Answer) => kind === 'token' || kind === 'new token'

suite('a replica of Postgres is promoted under traffic', { skip: noPostgres, timeout: LONGEST }, () => {
  const keep = keeper()
  let primary: TestPostgres
  let name: FaultProxy
  let directory: StoredDirectory
  let issuer: TestIssuer
  let service: Witness
  let gateway: TestGateway
  let traffic: Load

  const file = () => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 2s
stores: { postgres: "postgres://gateway@127.0.0.1:${name.port}/postgres" }
upstreams: { service: "${service.url}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}" } }
  login: { session: {} }
  keys: { api_key: {} }
defaults: { upstream: service }
routes:
  - { path: /token, authenticate: [acme], require: { permissions: [orders:read] } }
  - { path: /session, authenticate: [login] }
  - { path: /key, authenticate: [keys], require: { permissions: [orders:read] } }
`

  /** Sessions of many, each asked again only when it has been forgotten. */
  const coldSessions = async (): Promise<readonly Ask[]> => {
    const asks: Ask[] = []
    for (let index = 0; index < COLD; index += 1) {
      const subject = `cold-${index}`
      await upsertUser(directory.db, { id: subject })
      const Cookie = `heimdall_session=${(await directory.session(subject)).value}`
      const expected = expecting({ issuer: 'heimdall', subject, authenticator: 'login' })
      asks.push({ kind: 'cold', path: '/session', headers: { ...expected, Cookie } })
    }
    return asks
  }

  before(async () => {
    primary = keep(await startPostgres())
    name = keep(await startFaultProxy(primary.port))
    directory = keep(await storeDirectory(primary.url))
    issuer = keep(await startIssuer())
    service = keep(await startWitness())
    const [mixed, cold] = [await mixture(directory, issuer), await coldSessions()]
    gateway = keep(await serve(file()))
    const next = (turn: number) => (turn % 5 === 0 ? (cold[(turn / 5) % COLD] ?? mixed(turn)) : mixed(turn))
    traffic = keep(startTraffic(gateway.url, next, { clients: 50, rate: 200 }))
    const isWarm = () => traffic.answers.slice(-200).filter(({ status }) => status === 200).length === 200
    await eventually('all is warm', isWarm, 15_000)
  })

  /** A session that was written there and nowhere else; over already when `lifetime` is negative. */
  const newSessionIn = async (server: TestPostgres, subject: string, lifetime: number) => {
    const owner = connectPostgres(server.url, { log: silent, timeout: 10_000 })
    const secret = newSession()
    await upsertUser(owner.db, { id: subject })
    await createSession(owner.db, secret, { subject, expires_at: Date.now() + lifetime })
    await owner.close()
    return secret
  }

  const outcomeOfSession = async (value: string, subject: string) => {
    const expected = expecting({ issuer: 'heimdall', subject, authenticator: 'login' })
    return outcomeOf(await ask(gateway, 'GET /session', { ...expected, Cookie: `heimdall_session=${value}` }))
  }

  const failures = [
    { how: 'killed', cuts: true, fail: async (server: TestPostgres) => server.crash() },
    { how: 'hung, and its connections with it', cuts: false, fail: async (server: TestPostgres) => server.pause() },
  ]
  for (const { how, cuts, fail } of failures)
    test(`F6: the primary is ${how}: its replica is promoted, and the gateway follows the name`, async () => {
      const old = primary
      const replica = keep(await startReplica(old))
      const over = await newSessionIn(old, 'over', -1000)
      const kept = await newSessionIn(old, 'kept', 60_000)
      await replica.caughtUp()

      const seen = await liveThroughTakeover(traffic, {
        begin: async () => {
          assert.equal(await outcomeOfSession(kept.value, 'kept'), '200')
          await fail(old)
          assert.equal(await outcomeOfSession(kept.value, 'kept'), '200') // from the cache
        },
        end: async () => {
          await replica.promote()
          name.retarget(replica.port)
          if (cuts) name.reset()
        },
        between: 2500,
      })
      primary = replica
      const tokens = statsOf(seen.all.filter(isToken))
      const base = statsOf(seen.before.filter(isToken))
      const refused = seen.all.filter((answer) => !isToken(answer) && answer.status !== 200)
      const fromCaches = seen.between.filter((answer) => !isToken(answer) && answer.status === 200)
      const { most } = statsOf(seen.all)
      report(
        `F6 primary ${how.split(',')[0]}, replica promoted`,
        {
          recovered_ms: seen.recovered,
          base_p99_ms: base.p99,
          token_p99_ms: tokens.p99,
          longest_ms: most,
          from_caches: fromCaches.length,
          refused_503: refused.length,
          machine_late_ms: seen.late,
        },
        { total: tokens.count + fromCaches.length, failed: tokens.failed },
      )

      const slack = SLACK + 2 * seen.late
      assert.deepEqual(tokens.outcomes, { 200: tokens.count })
      assert.ok(tokens.p99 <= base.p99 + slack, `p99 ${tokens.p99} ms, ${base.p99} before`)
      for (const { status, code, retryAfter } of refused)
        assert.deepEqual([status, code, retryAfter], [503, 'store_unavailable', '2'])
      assert.ok(refused.length > 0)
      assert.ok(fromCaches.every(({ at }) => at < seen.gone + FRESH))
      assert.ok(most <= READ + statsOf(seen.before).most + slack, `${most} ms`)
      assert.ok(seen.recovered <= BACK + slack, `${seen.recovered} ms`)

      assert.equal(await outcomeOfSession(over.value, 'over'), '401 invalid_session')
      const fresh = await newSessionIn(primary, 'fresh', 60_000)
      assert.equal(await outcomeOfSession(fresh.value, 'fresh'), '200') // the new primary is asked
      assert.deepEqual([service.wrong, service.unauthorised, gateway.errors()], [[], [], ''])
    })
})
