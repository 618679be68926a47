/**
 * Redis and Postgres away: killed, hung, both at once, from the start; and clients that try to make them look away.
 *
 * One gateway lives through all of it under a mixed load, so each test also proves that the one before left nothing behind.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { request } from 'undici'

import { newApiKey } from '#directory/secrets.ts'
import { grant, upsertUser } from '#stores/writes.ts'

import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { longest, startLoad, tally, type Answer, type Ask, type Load } from '../support/load.ts'
import { noPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { sample } from '../support/samples.ts'
import { startService, type Service } from '../support/service.ts'
import { storeDirectory, type StoredDirectory } from '../support/stored-directory.ts'
import { newSigner, token } from '../support/tokens.ts'

const FRESH = 5000 // milliseconds that an answer of the directory is believed
const SLACK = 400 // milliseconds that a busy machine may add to what it adds anyway; Redis may then be late for `strict`
const PEOPLE = 6

/** One way of a store to be away, and its end. */
interface Fault {
  readonly begin: () => Promise<void> | void
  readonly end: () => Promise<void> | void
}

/** What was seen from the beginning of a fault until all was well again. */
interface Seen {
  readonly answers: readonly Answer[]
  /** `performance.now()` once the fault was complete, when its end began, and when the store was back. */
  readonly down: number
  readonly ending: number
  readonly up: number
}

suite('stores that go away under load', { skip: noRedis || noPostgres }, () => {
  const keep = keeper()
  let redis: TestRedis
  let postgres: TestPostgres
  let issuer: TestIssuer
  let service: Service
  let directory: StoredDirectory
  let gateway: TestGateway
  let load: Load
  /** The longest that anybody waited while all was well. */
  let calm = 0

  const file = () => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 2s
bad_credentials: off
stores: { redis: "${redis.url}", postgres: "${directory.url}" }
upstreams: { service: "${service.url}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}" } }
  login: { session: {} }
  keys: { api_key: {} }
limits:
  per-user: { allow: 100000/min, by: subject, on_store_down: local }
  strict: { allow: 100000/min, by: subject, on_store_down: deny }
  few: { allow: 16/min, by: subject, on_store_down: local }
defaults: { upstream: service, limits: [per-user] }
routes:
  - { path: /claims, authenticate: [acme], require: { permissions: [orders:read] } }
  - { path: /strict, authenticate: [acme], limits: [strict] }
  - { path: /few, authenticate: [acme], limits: [few] }
  - { path: /session, authenticate: [login], require: { roles: [clerk] } }
  - { path: /session/kept, authenticate: [login], require: { roles: [clerk] }, when_stale: serve }
  - { path: /key, authenticate: [keys], require: { permissions: [orders:read] } }
  - { path: /key/kept, authenticate: [keys], require: { permissions: [orders:read] }, when_stale: serve }
`

  /** 70 % tokens, 15 % sessions, 15 % API keys, of a few people each. */
  const mixture = async (): Promise<readonly Ask[]> => {
    const people = Array.from({ length: PEOPLE }, (_, index) => `person-${index}`)
    const perPerson = people.map(async (subject): Promise<readonly Ask[]> => {
      await upsertUser(directory.db, { id: subject })
      await grant(directory.db, { issuer: 'heimdall', subject }, { roles: ['clerk'] })
      const claims = issuer.as(subject, { permissions: ['orders:read'] })
      const session = { Cookie: `heimdall_session=${(await directory.session(subject)).value}` }
      const key = { 'X-API-Key': (await directory.apiKey({ subject, permissions: ['orders:read'] })).value }
      const times = (count: number, one: Ask) => Array.from({ length: count }, () => one)
      return [
        ...times(12, { kind: 'claims', path: '/claims', headers: claims }),
        ...times(2, { kind: 'strict', path: '/strict', headers: claims }),
        ...times(2, { kind: 'session', path: '/session', headers: session }),
        ...times(1, { kind: 'kept session', path: '/session/kept', headers: session }),
        ...times(2, { kind: 'key', path: '/key', headers: key }),
        ...times(1, { kind: 'kept key', path: '/key/kept', headers: key }),
      ]
    })
    return (await Promise.all(perPerson)).flat()
  }

  before(async () => {
    issuer = keep(await startIssuer())
    service = keep(await startService((_, response) => void response.end('served')))
    redis = keep(await startRedis())
    postgres = keep(await startPostgres())
    directory = keep(await storeDirectory(postgres.url))
    gateway = keep(await serve(file()))
    const asks = await mixture()
    const turns = asks.map((_, index) => asks[(index * 7) % asks.length]) // 7 and 120 share no factor: a good shuffle
    await eventually('all is well', async () => (await outcome('/claims', asks[0]?.headers)) === '200')
    load = keep(
      startLoad(gateway.url, (turn) => turns[turn % turns.length] ?? turns[0] ?? never(), { connections: 50, gap: 80 }),
    )
    await more(1000)
    calm = longest(load.answers.slice(500))
    assert.deepEqual(failuresOf(load.answers, 'strict'), {})
  })

  const outcome = async (path: string, headers: Readonly<Record<string, string>> = {}, at = gateway) =>
    outcomeOf(await ask(at, `GET ${path}`, headers))
  const metric = async (name: string, labels = {}) => sample(await gateway.metrics(), name, labels)
  const more = (count: number) => {
    const seen = load.answers.length
    return eventually(`${count} more answers`, () => load.answers.length >= seen + count, 20_000)
  }
  const readiness = async (at = gateway) => {
    const { statusCode, body } = await request(`${at.probes}/readyz`)
    const told = (await body.json()) as { status: string; components: Record<string, { status: string }> }
    return {
      statusCode,
      status: told.status,
      redis: told.components['redis']?.status,
      postgres: told.components['postgres']?.status,
    }
  }
  /** Everybody was answered well lately. */
  const isWell = () => {
    const since = performance.now() - 300
    const late = load.answers.slice(-400).filter(({ at }) => at > since)
    return late.length > 50 && late.every(({ status }) => status === 200)
  }

  /** Lives through a fault: until `long` milliseconds have passed, then its end, then until all is well again. */
  const liveThrough = async (faults: readonly Fault[], long: number, during?: () => Promise<void>): Promise<Seen> => {
    const first = load.answers.length
    let [down, ending] = [0, 0]
    try {
      for (const { begin } of faults) await begin()
      down = performance.now()
      await during?.()
      await eventually('the fault has lasted', () => performance.now() > down + long, long + 1000)
      await more(200)
    } finally {
      ending = performance.now()
      for (const { end } of faults) await end()
    }
    const up = performance.now()
    await eventually('all is well again', isWell, FRESH + SLACK)
    return { answers: load.answers.slice(first), down, ending, up }
  }

  /** What the log and the metrics tell of a breaker: one line for each change. */
  const breakerLines = (known: number, name: string) =>
    gateway.lines
      .slice(known)
      .flatMap(({ msg, breaker, state }) => (msg === 'breaker' && breaker === name ? state : []))
  const assertTold = async (known: number, breaker: string) => {
    await eventually('the log tells', () => breakerLines(known, breaker).length >= 2).catch(() => undefined)
    assert.deepEqual(breakerLines(known, breaker), ['open', 'closed'], breaker)
    assert.equal(await metric('heimdall_breaker_state', { breaker }), 0)
    assert.equal(gateway.errors(), '')
  }
  const lineAt = (known: number, message: string) =>
    gateway.lines.slice(known).flatMap(({ msg, time }) => (msg === message ? [Number(time)] : []))

  const redisFaults: Record<string, Fault> = {
    killed: { begin: () => redis.crash(), end: () => redis.restart() },
    hung: { begin: () => redis.pause(), end: () => redis.resume() },
  }
  const postgresFaults: Record<string, Fault> = {
    killed: { begin: () => postgres.crash(), end: () => postgres.restart() },
    hung: { begin: () => postgres.pause(), end: () => postgres.resume() },
  }

  /** Whose limits need Redis is told so; everybody else is served; nobody waits. */
  const assertWithoutRedis = ({ answers, down, ending }: Seen) => {
    const strict = ofKind(answers, 'strict')
    for (const { status, code, retryAfter } of strict)
      if (status !== 200) assert.deepEqual([status, code, retryAfter], [503, 'limits_unavailable', '2'])
    const certain = strict.filter(({ at, ms }) => at > down + 100 + SLACK && at + ms < ending)
    assert.deepEqual(tally(certain), { 'strict 503 limits_unavailable': certain.length })
    assert.ok(certain.length > 0)
  }

  /** Who needs Postgres is served as long as what is known is fresh, and is then told to come back. */
  const assertWithoutPostgres = ({ answers, down, ending }: Seen) => {
    const asking = [...ofKind(answers, 'session'), ...ofKind(answers, 'key')]
    for (const { status, code, retryAfter } of asking)
      if (status !== 200) assert.deepEqual([status, code, retryAfter], [503, 'store_unavailable', '2'])
    const during = asking.filter(({ at, ms }) => at > down && at + ms < ending)
    const known = during.filter(({ status }) => status === 200)
    assert.ok(known.length > 0, 'what is fresh is served')
    assert.ok(
      known.every(({ at }) => at < down + FRESH),
      'nothing is believed for longer',
    )
    assert.ok(during.some(({ status }) => status === 503))
  }

  for (const [how, fault] of Object.entries(redisFaults))
    test(`Redis ${how}: limits are counted here within 100 ms, or refused where the file says so, and shared again within 2 s`, async () => {
      const known = gateway.lines.length
      const began = Date.now()
      const carol = issuer.as(`carol-${how}`)
      let passed = 0
      const seen = await liveThrough([fault], 1000 + SLACK, async () => {
        await eventually('limits fall back', async () => (await metric('heimdall_limit_fallback')) === 1)
        await eventually('it says so', async () => (await readiness()).redis === 'down')
        assert.deepEqual(await readiness(), { statusCode: 200, status: 'degraded', redis: 'down', postgres: 'up' })
        for (let turn = 0; turn < 20; turn += 1) if ((await outcome('/few', carol)) === '200') passed += 1
      })
      assert.ok(passed >= 16 && passed <= 17, `${passed} of 16 passed while counted here`)
      assert.deepEqual(failuresOf(seen.answers, 'strict'), {})
      assertWithoutRedis(seen)
      assert.ok(longest(seen.answers) <= 50 + calm + SLACK, `${longest(seen.answers)} ms, calm ${calm} ms`)
      await eventually('limits are shared', async () => (await metric('heimdall_limit_fallback')) === 0)
      await assertTold(known, 'redis')
      const [away = Infinity, ...others] = lineAt(known, 'shared limits away')
      const [back = Infinity] = lineAt(known, 'shared limits back')
      assert.deepEqual(others, [], 'told once')
      assert.ok(away - began < 100 + SLACK, `fell back after ${away - began} ms`)
      const upAt = Date.now() - (performance.now() - seen.up)
      assert.ok(back - upAt < 2000 + SLACK, `shared again after ${back - upAt} ms`)
    })

  for (const [how, fault] of Object.entries(postgresFaults))
    test(`Postgres ${how}: claims keep their access, lookups live on what is fresh, then 503, and recover by themselves`, async () => {
      const known = gateway.lines.length
      const opens = async () => (await metric('heimdall_breaker_state', { breaker: 'postgres' })) === 2
      const seen = await liveThrough([fault], FRESH + 500, () => eventually('its breaker opens', opens, FRESH + 3000))
      assert.deepEqual(failuresOf(seen.answers, 'session', 'key', 'strict'), {})
      assertWithoutPostgres(seen)
      assert.ok(longest(seen.answers) <= 500 + calm + SLACK, `${longest(seen.answers)} ms, calm ${calm} ms`)
      await assertTold(known, 'postgres')
    })

  for (const how of ['killed', 'hung'] as const)
    test(`both ${how}: claims keep their access, the rest is answered by rule, and all recovers by itself`, async () => {
      const known = gateway.lines.length
      const faults = [redisFaults[how], postgresFaults[how]].flatMap((fault) => fault ?? [])
      const seen = await liveThrough(faults, FRESH + 500)
      assert.deepEqual(failuresOf(seen.answers, 'strict', 'session', 'key'), {})
      assertWithoutRedis(seen)
      assertWithoutPostgres(seen)
      const most = 3 * 50 + 500 // Redis for a session, its grants and a limit, Postgres once
      assert.ok(longest(seen.answers) <= most + calm + SLACK, `${longest(seen.answers)} ms, calm ${calm} ms`)
      await assertTold(known, 'redis')
      await assertTold(known, 'postgres')
    })

  test('a failover of Postgres, which cuts busy and idle connections, costs no process and no claims', async () => {
    const fault = { begin: () => postgres.shutDown(), end: () => postgres.restart() }
    const seen = await liveThrough([fault], 0)
    assert.deepEqual(failuresOf(seen.answers, 'session', 'key', 'strict'), {})
    assert.equal(gateway.child.exitCode, null)
    assert.equal(gateway.errors(), '')
  })

  test('1,000 unknown API keys and 1,000 bad tokens are refused, open no breaker and cost others nothing', async () => {
    const known = gateway.lines.length
    const fetches = issuer.keys.count.jwks
    const stranger = newSigner('ES256', 'stranger')
    const claims = { iss: issuer.name, sub: 'mallory', aud: 'orders-api', exp: Date.now() / 1000 + 60 }
    const bad: readonly ((turn: number) => string)[] = [
      (turn) => token(stranger, { ...claims, jti: String(turn) }),
      (turn) => token(stranger, { ...claims, jti: String(turn) }, { kid: `kid-${turn}` }),
      (turn) => issuer.token(`person-${turn}`, { aud: 'another' }),
      (turn) => `${issuer.token(`person-${turn}`).slice(0, -8)}AAAAAAAA`,
    ]
    const turns = (turn: number): Ask => {
      if (turn % 2 === 0) return { kind: 'key', path: '/key', headers: { 'X-API-Key': newApiKey().value } }
      const make = bad[Math.floor(turn / 2) % bad.length] ?? never
      return { kind: 'token', path: '/claims', headers: { Authorization: `Bearer ${make(turn)}` } }
    }
    const first = load.answers.length
    const burst = await startLoad(gateway.url, turns, { connections: 64, count: 2000 }).done
    assert.deepEqual(tally(burst), { 'key 401 invalid_api_key': 1000, 'token 401 invalid_token': 1000 })
    await more(200)
    assert.deepEqual(failuresOf(load.answers.slice(first), 'strict'), {})
    assert.deepEqual(breakerLines(known, 'postgres'), [])
    assert.ok(issuer.keys.count.jwks <= fetches + 1, 'unknown keys made it ask the issuer again and again')
  })

  test('a gateway that starts without them serves claims at once, says so, and connects when they are there', async () => {
    await load.stop()
    await Promise.all([redis.crash(), postgres.crash()])
    const late = keep(await serve(file()))
    const [alice, keys] = [issuer.as('alice', { permissions: ['orders:read'] }), newApiKey().value]
    await eventually('keys are there', async () => (await outcome('/claims', alice, late)) === '200')
    assert.equal(await outcome('/strict', alice, late), '503 limits_unavailable')
    assert.equal(await outcome('/key', { 'X-API-Key': keys }, late), '503 store_unavailable')
    assert.deepEqual(await readiness(late), { statusCode: 200, status: 'degraded', redis: 'down', postgres: 'down' })
    await Promise.all([redis.restart(), postgres.restart()])
    await eventually('limits are shared', async () => (await outcome('/strict', alice, late)) === '200', 2000 + SLACK)
    await eventually('keys are known', async () =>
      (await outcome('/key', { 'X-API-Key': keys }, late)).startsWith('401'),
    )
    await eventually('it says so', async () => (await readiness(late)).status === 'ready')
    assert.equal(late.errors(), '')
    for (const one of [late, gateway]) assert.equal(await one.end(), 0)
    assert.equal(gateway.errors(), '')
  })
})

function ofKind(answers: readonly Answer[], kind: string): readonly Answer[] {
  return answers.filter((answer) => answer.kind === kind)
}

/** How often whom was refused what, but for those `among` whom refusals are expected. */
function failuresOf(answers: readonly Answer[], ...among: readonly string[]): Record<string, number> {
  return tally(answers.filter(({ status, kind }) => status !== 200 && !among.includes(kind)))
}

function never(): never {
  throw new RangeError('an empty mixture')
}
