/**
 * The wall clock of the gateway jumps, and that of Redis (F14). Clocks that never leap do not: no real machine's do.
 *
 * Redis and libfaketime do not start together, so there all that has a time is moved instead, which is the same to clients.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { revokeApiKey, upsertUser } from '#stores/writes.ts'

import { ask, outcomeOf } from '../support/ask.ts'
import { fakeClock, noFakeClock, type FakeClock } from '../support/fake-clock.ts'
import { report } from '../support/figures.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { mixture, type Mixture } from '../support/mixture.ts'
import { noPostgres, startPostgres } from '../support/postgres.ts'
import { eventually, freePort } from '../support/processes.ts'
import { connectRaw } from '../support/raw-client.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { startService } from '../support/service.ts'
import { storeDirectory, type Handed, type StoredDirectory } from '../support/stored-directory.ts'
import { startTraffic, statsOf } from '../support/traffic.ts'
import { startUpstream } from '../support/upstream.ts'
import { accept, hello } from '../support/websocket.ts'

const HOUR = 3600 // seconds
const FRESH = 5000 // milliseconds that a revocation may take
const SLACK = 1000 // milliseconds that a busy machine may add
const CLOSE_1008 = '880203f0'

suite('the wall clock jumps', { skip: noFakeClock || noPostgres || noRedis }, () => {
  const keep = keeper()
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-clock-'))
  after(() => rmSync(folder, { recursive: true }))
  let clock: FakeClock
  let redis: TestRedis
  let directory: StoredDirectory
  let issuer: TestIssuer
  let gateway: TestGateway
  let asks: Mixture

  before(async () => {
    clock = fakeClock(folder)
    const postgres = keep(await startPostgres())
    directory = keep(await storeDirectory(postgres.url))
    redis = keep(await startRedis())
    issuer = keep(await startIssuer())
    const tunnels = keep(await startUpstream(accept))
    const service = keep(
      await startService(({ url }, response) => {
        if (url !== '/never') setTimeout(() => response.end('served'), url === '/slow' ? 1500 : 0)
      }),
    )
    gateway = keep(
      await serve(
        `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
stores: { redis: "${redis.url}", postgres: "${directory.url}" }
upstreams:
  service: { targets: ["${service.url}"], timeout: { headers: 2s } }
  tunnels: "${tunnels.url}"
  gone: { targets: ["http://127.0.0.1:${await freePort()}"], breaker: { of_at_least: 5, open_for: 3s } }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}", max_stale: 30m } }
  login: { session: {} }
  keys: { api_key: {} }
defaults: { upstream: service, authenticate: [acme, login, keys] }
routes:
  - { path: /token }
  - { path: /session }
  - { path: /key }
  - { path: /slow, public: true }
  - { path: /never, public: true }
  - { path: /ws, upstream: tunnels }
  - { path: /gone, public: true, upstream: gone }
  - { path: /few, limits: [{ allow: 3/min, by: subject }] }
  - { path: /here, limits: [{ allow: 3/min, by: subject, shared: false }] }
`,
        { env: clock.env },
      ),
    )
    asks = await mixture(directory, issuer)
    await eventually('all is ready', async () => (await outcome('/token', issuer.as('alice'))) === '200')
  })

  const load = (mix: Mixture) => keep(startTraffic(gateway.url, mix, { clients: 20, rate: 100 }))
  const outcome = async (path: string, headers: Readonly<Record<string, string>> = {}) =>
    outcomeOf(await ask(gateway, `GET ${path}`, headers))
  /** Somebody whose limits nobody has used yet. */
  const newcomer = async () => {
    const id = `person-${randomUUID()}`
    await upsertUser(directory.db, { id })
    return id
  }
  const cookie = ({ value }: Handed) => ({ Cookie: `heimdall_session=${value}` })
  const header = ({ value }: Handed) => ({ 'X-API-Key': value })
  /** A token of the time that the gateway has after a jump. */
  const tokenOf = (subject: string, seconds: number) => {
    const iat = Math.floor(Date.now() / 1000) + seconds
    return issuer.as(subject, { iat, exp: iat + 300 })
  }
  /** Sets the clock of the gateway and waits until its log tells so. */
  const jump = async (seconds: number) => {
    clock.set(seconds)
    await outcome('/nowhere')
    const ahead = () => Number(gateway.lines.at(-1)?.['time']) - Date.now()
    await eventually('the log tells so', () => Math.abs(ahead() - seconds * 1000) < 5000)
  }
  const lifetimes = async () => {
    const places = await redis.client.keys('heimdall:1:*')
    return Promise.all(places.map((place) => redis.client.pttl(place)))
  }

  test('F14: leaps and corrections of less than the skew are noticed by nobody', async () => {
    const traffic = load(asks)
    const known = gateway.lines.length
    for (const seconds of [1, 0, -1, 0, 20, -20, 0]) {
      clock.set(seconds)
      await sleep(500)
    }
    const { count, failed, outcomes, p99 } = statsOf(await traffic.stop())
    report('F14', { what: 'steps of up to 20 s', p99_ms: p99 }, { total: count, failed })
    assert.equal(failed, 0, JSON.stringify(outcomes))
    const warned = gateway.lines.slice(known).filter(({ level }) => level === 'warn' || level === 'error')
    assert.deepEqual(warned, [])
  })

  for (const [what, seconds, refusal] of [
    ['ahead', HOUR, '401 token_expired'],
    ['back', -HOUR, '401 invalid_token'],
  ] as const)
    test(`F14: an hour ${what} refuses tokens of another time, and is no matter to anything else`, async () => {
      await jump(0)
      const subject = await newcomer()
      const [short, long] = [
        await directory.session(subject, 500 * HOUR),
        await directory.session(subject, 3000 * HOUR),
      ]
      const revoked = await directory.session(subject, 3000 * HOUR)
      const [key, ended] = [await directory.apiKey({ subject }), await directory.apiKey({ subject })]
      await directory.endSession(revoked.id)
      await revokeApiKey(directory.db, ended.id)
      const [remembered, fresh, who] = [issuer.as('alice'), issuer.as('bob'), header(key)]
      for (const headers of [remembered, cookie(short), cookie(long), who])
        assert.equal(await outcome('/token', headers), '200')
      for (const path of ['/few', '/here'])
        for (const expected of ['200', '200', '200', '429 rate_limited'])
          assert.equal(await outcome(path, who), expected)
      const fetched = issuer.keys.count.jwks

      const traffic = load((turn) => asks(90 + (turn % 10))) // keys alone: sessions and tokens of the mixture end
      const slow = ask(gateway, 'GET /slow')
      const asked = performance.now()
      const never = ask(gateway, 'GET /never').then((answer) => [outcomeOf(answer), performance.now() - asked] as const)
      await sleep(500)
      await jump(seconds)
      assert.equal((await slow).status, 200)
      const [late, took] = await never
      assert.equal(late, '504 upstream_timeout')
      assert.ok(took >= 2000 && took < 2000 + SLACK, `given up after ${took} ms`)

      for (const headers of [remembered, fresh]) assert.equal(await outcome('/token', headers), refusal)
      assert.equal(await outcome('/token', tokenOf('alice', seconds)), '200')
      assert.equal(issuer.keys.count.jwks, fetched, 'keys are no older than they were')
      assert.equal(await outcome('/session', cookie(short)), seconds > 0 ? '401 invalid_session' : '200')
      assert.equal(await outcome('/session', cookie(long)), '200')
      for (const path of ['/few', '/here']) assert.equal(await outcome(path, who), '429 rate_limited')
      await sleep(FRESH) // what was cached before has run out: all is looked up anew
      assert.equal(await outcome('/session', cookie(revoked)), '401 invalid_session')
      assert.equal(await outcome('/key', header(ended)), '401 invalid_api_key')
      const left = await lifetimes()
      assert.ok(
        left.length > 0 && left.every((ttl) => ttl > 0 && ttl <= FRESH),
        `lifetimes in Redis: ${left.join(' ')}`,
      )

      const { count, failed, outcomes, p99 } = statsOf(await traffic.stop())
      report('F14', { what: `one hour ${what}`, timeout_of_2000_took_ms: took, p99_ms: p99 }, { total: count, failed })
      assert.equal(failed, 0, JSON.stringify(outcomes))
      const ages = gateway.lines.flatMap(({ cache_age_ms, total_ms }) => [cache_age_ms ?? 0, total_ms ?? 0].map(Number))
      assert.ok(
        ages.every((age) => age >= 0 && age < 60_000),
        'ages and durations in the log do not leap',
      )
      await jump(0)
    })

  test('F14: what was revoked before a jump is not revived by it', async () => {
    await jump(0)
    const subject = await newcomer()
    const [session, key] = [await directory.session(subject), await directory.apiKey({ subject })]
    const both = async () => [await outcome('/session', cookie(session)), await outcome('/key', header(key))]
    assert.deepEqual(await both(), ['200', '200'])
    await directory.endSession(session.id)
    await revokeApiKey(directory.db, key.id)
    await eventually(
      'both are refused',
      async () => (await both()).every((one) => one.startsWith('401')),
      FRESH + SLACK,
    )
    for (const seconds of [-HOUR, HOUR, -24 * HOUR, 0]) {
      await jump(seconds)
      assert.deepEqual(await both(), ['401 invalid_session', '401 invalid_api_key'])
    }
  })

  test('F14: an open breaker tries again when its time is over, whatever the clock says', async () => {
    await jump(0)
    const open = async () => (await outcome('/gone')) === '503 upstream_unavailable'
    await eventually('the breaker opens', open)
    const opened = performance.now()
    for (const seconds of [HOUR, -HOUR]) {
      await jump(seconds)
      assert.ok(await open(), 'still open')
    }
    await eventually('it tries again', async () => !(await open()))
    const took = performance.now() - opened
    assert.ok(took > 2800 && took < 3000 + SLACK, `tried again after ${took} ms`)
    await jump(0)
  })

  test('F14: a tunnel ends with its token when the clock passes the end of that, one of a session goes on', async () => {
    await jump(0)
    const open = async (headers: Readonly<Record<string, string>>) => {
      const client = await connectRaw(gateway.port)
      client.send(hello('/ws', headers))
      assert.equal((await client.response()).status, 101)
      return client
    }
    const { value } = await directory.session(await newcomer(), 3000 * HOUR)
    const [byToken, bySession] = [await open(issuer.as('alice')), await open({ Authorization: `Bearer ${value}` })]
    await jump(-HOUR)
    await sleep(300)
    assert.equal(byToken.ended(), undefined)
    await jump(HOUR)
    await byToken.closed(2000)
    assert.equal(byToken.pending().toString('hex'), CLOSE_1008)
    assert.equal(bySession.ended(), undefined)
    byToken.destroy()
    bySession.destroy()
    await jump(0)
  })

  for (const [what, seconds] of [
    ['ahead', HOUR],
    ['back', -HOUR],
    ['back by less than what a value lives', -3],
  ] as const)
    test(`F14: the clock of Redis ${what}: everybody is served, and revocations take no longer`, async () => {
      const subject = await newcomer()
      const [session, who] = [await directory.session(subject), header(await directory.apiKey({ subject }))]
      const traffic = load(asks)
      assert.equal(await outcome('/session', cookie(session)), '200')
      for (const expected of ['200', '200', '200', '429 rate_limited'])
        assert.equal(await outcome('/few', who), expected)
      await directory.endSession(session.id)
      const revoked = performance.now()
      await jumpOfRedis(redis, seconds)
      await eventually(
        'the session is refused',
        async () => (await outcome('/session', cookie(session))) === '401 invalid_session',
        FRESH + Math.max(0, Math.min(FRESH, -1000 * seconds)) + SLACK,
      )
      const took = performance.now() - revoked
      const more = []
      for (let turn = 0; turn < 4; turn += 1) more.push(await outcome('/few', who))
      assert.equal(more.at(-1), '429 rate_limited', 'no more than one quota anew')
      const answer = await ask(gateway, 'GET /few', who)
      assert.ok(Number(answer.header('retry-after')) <= 60, 'nobody waits longer than a period')
      await sleep(500)
      const { count, failed, outcomes } = statsOf(await traffic.stop())
      report('F14', { what: `clock of Redis ${what}`, revoked_after_ms: took }, { total: count, failed })
      assert.equal(failed, 0, JSON.stringify(outcomes))
    })
})

/** Moves the times of all that Redis holds, as if its clock had been set so many seconds ahead. */
async function jumpOfRedis({ client }: TestRedis, seconds: number): Promise<void> {
  for (const place of await client.keys('*')) {
    const [left, value] = [await client.pttl(place), (await client.get(place)) ?? '']
    const moved = value.replace(/^\d{16}(?= )/, (first) => String(Number(first) - seconds * 1e6)) // a window's first time
    await client.set(place, moved, 'PX', Math.max(1, left - seconds * 1000))
  }
}
