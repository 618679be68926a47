/**
 * Floods of bad credentials: they open no breaker, fill no cache, and cost nobody else their answers.
 *
 * Criteria are ratios within the run: what others wait during a flood against what they waited just before it. One round
 * of three must hold: whatever else the machine does comes and goes, what a flood does stays. A flood that takes all the
 * machine has, or is not held up, is compared with one of the same rate that sends no credentials and needs only answers.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { loadavg } from 'node:os'
import { before, beforeEach, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { sql } from 'kysely'

import { serve, type TestGateway } from '../support/gateway.ts'
import { report } from '../support/figures.ts'
import { flood, type BadKind, type Flooded, type FloodOptions } from '../support/flood.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import type { Load } from '../support/load.ts'
import { mixture, type Mixture } from '../support/mixture.ts'
import { noPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { sample } from '../support/samples.ts'
import { startService, type Service } from '../support/service.ts'
import { storeDirectory, type StoredDirectory } from '../support/stored-directory.ts'
import { isBusy } from '../support/machine.ts'
import { startTraffic, statsOf, type Stats } from '../support/traffic.ts'

const ALL: readonly BadKind[] = ['forged', 'unknown kid', 'key', 'session']
const POOL = 10
const ROUNDS = 3
/** What the machine may add to anything, in milliseconds: more when it has more to do than this test gives it. */
const noise = () => (isBusy() ? 150 : 25)

/** What is sent, and what it is compared with: nothing, or a flood without credentials. */
interface Plan extends Pick<FloodOptions, 'rate' | 'long' | 'kinds' | 'clients' | 'connections'> {
  readonly against: 'calm' | 'empty'
}

/** A flood and what was seen of it. */
interface Seen {
  readonly flooded: Flooded
  /** How others fared, round by round. */
  readonly base: readonly Stats[]
  readonly during: readonly Stats[]
  /** Statements that Postgres was asked, connections it had at most, and fetches of the issuer's keys, while it lasted. */
  readonly statements: number
  readonly connections: number
  readonly fetches: number
}

suite('floods of bad credentials', { skip: noRedis || noPostgres }, () => {
  const keep = keeper()
  let issuer: TestIssuer
  let service: Service
  let redis: TestRedis
  let postgres: TestPostgres
  let directory: StoredDirectory
  let gateway: TestGateway
  let others: Mixture

  const file = (rate: string) => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 2s
trusted_proxies: [127.0.0.1]
bad_credentials: ${rate}
stores: { redis: "${redis.url}", postgres: "${directory.url}" }
upstreams: { service: "${service.url}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}" } }
  login: { session: {} }
  keys: { api_key: {} }
defaults: { upstream: service }
routes:
  - { path: /token, authenticate: [acme] }
  - { path: /session, authenticate: [login] }
  - { path: /key, authenticate: [keys] }
`

  before(async () => {
    issuer = keep(await startIssuer())
    service = keep(await startService((_, response) => void response.end('served')))
    redis = keep(await startRedis())
    postgres = keep(await startPostgres())
    directory = keep(await storeDirectory(postgres.url))
    others = await mixture(directory, issuer)
    gateway = keep(await serve(file('100/10s')))
    await eventually('all is well', async () => (await once()) === 200)
  })

  const once = async () => {
    const load = startTraffic(gateway.url, others, { clients: 1, rate: 100, from: '127.0.0.5' })
    await sleep(100)
    return (await load.stop()).at(-1)?.status
  }
  const metric = async (name: string, labels = {}) => sample(await gateway.metrics(), name, labels)
  const openings = (labels = {}) => metric('heimdall_breaker_changes_total', { ...labels, state: 'open' })
  let openedBefore = 0
  beforeEach(async () => {
    openedBefore = await openings()
  })
  /** How many breakers opened in this flood; a busy machine keeps Redis waiting longer than its 50 ms, flood or none. */
  const opened = async () => {
    const all = (await openings()) - openedBefore
    return isBusy() ? Math.max(0, all - (await openings({ breaker: 'redis' }))) : all
  }
  const entries = (cache: string) => metric('heimdall_cache_entries', { cache })
  const connections = async () => {
    const counted = sql<{ n: number }>`
      select count(*)::int as n from pg_stat_activity where application_name = 'heimdall' and usename = 'gateway'`
    return (await counted.execute(directory.db)).rows[0]?.n ?? 0
  }
  const statements = () => metric('heimdall_store_query_duration_seconds_count', { store: 'postgres' })

  /** What others, who have an address of their own, see while something goes on. */
  const during = async <T>(load: Load, work: () => Promise<T>): Promise<[stats: Stats, result: T]> => {
    const began = performance.now()
    const result = await work()
    const ended = performance.now()
    return [statsOf(load.answers.filter(({ at, ms }) => at >= began && at + ms < ended)), result]
  }

  const live = async ({ against, ...plan }: Plan): Promise<Seen> => {
    const target = { port: gateway.port, issuer: issuer.name, kid: issuer.signer.kid }
    const compared = async () => {
      if (against === 'calm') await sleep(plan.long)
      else await flood({ ...plan, ...target, kinds: ['none'] })
    }
    const load = startTraffic(gateway.url, others, { clients: 20, rate: 200, from: '127.0.0.7' })
    await sleep(1500) // connections and caches are warm
    const [floods, base, hard]: [Flooded[], Stats[], Stats[]] = [[], [], []]
    const [asked, fetches] = [await statements(), issuer.keys.count.jwks]
    let most = 0
    const watch = setInterval(() => void connections().then((count) => (most = Math.max(most, count))), 250)
    for (let round = 0; round < ROUNDS; round += 1) {
      base.push((await during(load, compared))[0])
      const [stats, flooded] = await during(load, () => flood({ ...plan, ...target }))
      hard.push(stats)
      floods.push(flooded)
    }
    clearInterval(watch)
    await load.stop()
    return {
      flooded: sumOf(floods),
      base,
      during: hard,
      statements: (await statements()) - asked,
      fetches: issuer.keys.count.jwks - fetches,
      connections: most,
    }
  }

  const note = async (what: string, seen: Seen) => {
    const absent = (await entries('session_absent')) + (await entries('api_key_absent'))
    const figures = {
      what,
      load: loadavg()[0] ?? 0,
      bad_per_s: seen.flooded.rate,
      answers: JSON.stringify(seen.flooded.outcomes),
      base_p99_ms: p99(seen.base),
      flood_p99_ms: p99(seen.during),
      postgres_statements: seen.statements,
      postgres_connections: seen.connections,
      jwks_fetches: seen.fetches,
      absent_entries: absent,
      breakers_opened: await opened(),
    }
    const all = [...seen.base, ...seen.during]
    report('F7', figures, { total: all.reduce((sum, { count }) => sum + count, 0), failed: sumOfFailures(all) })
  }

  /** What holds in every flood. */
  const assertHarmless = async (seen: Seen) => {
    const unserved = sumOfFailures(seen.during)
    assert.ok(unserved <= 2, `${unserved} others were not served: ${JSON.stringify(seen.during)}`) // a lookup may be late here
    const held = seen.during.some((hard, round) => {
      const calm = seen.base[round]?.p99 ?? 0
      return hard.p99 <= Math.max(2 * calm, calm + noise())
    })
    const waits = [seen.base, seen.during].map((rounds) => rounds.map((stats) => Math.round(stats.p99)).join(', '))
    assert.ok(held, `p99 in ms: ${waits[0]}; during the flood ${waits[1]}`)
    assert.equal(await opened(), 0)
    assert.equal(seen.flooded.outcomes['0'], undefined, 'no connection is cut')
    assert.ok(seen.fetches <= 1 + ROUNDS, `${seen.fetches} fetches of keys`) // one for each cooldown of 30 s, or fewer
    assert.ok(seen.connections <= POOL, `${seen.connections} connections`)
    for (const cache of ['session', 'api_key', 'grants']) assert.ok((await entries(cache)) <= 20, cache)
    for (const cache of ['session_absent', 'api_key_absent']) assert.ok((await entries(cache)) <= 5000, cache)
    assert.equal(gateway.errors(), '')
  }

  test('F7 C6: 1,000 bad credentials a second from one client cost others nothing, and the client its hearing', async () => {
    const seen = await live({ rate: 1000, long: 2000, kinds: ALL, clients: 'one', connections: 50, against: 'calm' })
    await note('1000/s, one client', seen)
    await assertHarmless(seen)
    const { outcomes, count } = seen.flooded
    const worked = ['401 invalid_api_key', '401 invalid_session'].reduce((sum, name) => sum + (outcomes[name] ?? 0), 0)
    assert.ok(worked < 3 * 100, `${worked} were looked up`) // two windows at most, and those under way when they filled
    assert.ok((outcomes['429 too_many_failures'] ?? 0) > 0.6 * count)
  })

  test('F7: 10,000 unknown keys a second from one client cost others no more than requests without any', async () => {
    const plan = { rate: 10_000, long: 2000, connections: 100, against: 'empty' } as const
    const seen = await live({ ...plan, kinds: ['key'], clients: 'one' })
    await note('10000 keys/s, one client', seen)
    await assertHarmless(seen)
  })

  test('F7: 10,000 unknown keys and sessions a second from as many clients are all looked up, and keep nobody waiting', async () => {
    const plan = { rate: 10_000, long: 2000, connections: 100, against: 'empty' } as const
    const seen = await live({ ...plan, kinds: ['key', 'session'], clients: 'many' })
    await note('10000 keys/s, many clients', seen)
    await assertHarmless(seen)
    const { count, outcomes } = seen.flooded
    assert.ok((outcomes['503 store_unavailable'] ?? 0) < 0.01 * count)
  })

  test('F7: 1,500 connections that come with unknown keys at once open no breaker', async () => {
    const plan = { rate: 20_000, long: 1000, connections: 1500, against: 'calm' } as const
    const seen = await live({ ...plan, kinds: ['key'], clients: 'many' })
    await note('1500 connections', seen)
    assert.equal(await opened(), 0)
    assert.ok(sumOfFailures(seen.during) <= 2)
  })

  test('F7: without the limit on bad credentials all but their number holds', async () => {
    gateway.rewrite(file('off'))
    await gateway.line(({ msg }) => msg === 'configuration applied')
    const seen = await live({ rate: 1000, long: 2000, kinds: ALL, clients: 'one', connections: 50, against: 'empty' })
    await note('1000/s, one client, bad_credentials: off', seen)
    await assertHarmless(seen)
    assert.equal(seen.flooded.outcomes['429 too_many_failures'], undefined)
  })
})

/** The median of the rounds. */
function p99(rounds: readonly Stats[]): number {
  return rounds.map((stats) => stats.p99).toSorted((one, other) => one - other)[Math.floor(rounds.length / 2)] ?? NaN
}

function sumOfFailures(rounds: readonly Stats[]): number {
  return rounds.reduce((sum, { failed }) => sum + failed, 0)
}

function sumOf(floods: readonly Flooded[]): Flooded {
  const outcomes: Record<string, number> = {}
  for (const flooded of floods)
    for (const [outcome, count] of Object.entries(flooded.outcomes))
      outcomes[outcome] = (outcomes[outcome] ?? 0) + count
  const mean = (key: 'count' | 'rate') => floods.reduce((sum, flooded) => sum + flooded[key], 0)
  return { count: mean('count'), rate: Math.round(mean('rate') / floods.length), outcomes }
}
