/**
 * A gateway dies: killed, out of memory, of a defect (F17). Its neighbour on the same Redis and Postgres does not notice.
 *
 * Gateways here are one process each; what holds between workers of one is in `workers.system.ts`.
 * Whoever started a process starts it again, at a pace of their own (Kubernetes, systemd): nothing here does.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { DEFECT } from '#cli/gateway/defects.ts'

import { ask, outcomeOf } from '../support/ask.ts'
import { report } from '../support/figures.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import type { Answer } from '../support/load.ts'
import { mixture, type Mixture } from '../support/mixture.ts'
import { noPostgres, startPostgres } from '../support/postgres.ts'
import { eventually, steadyPort } from '../support/processes.ts'
import { noRedis, startRedis } from '../support/redis.ts'
import { storeDirectory, type StoredDirectory } from '../support/stored-directory.ts'
import { startTraffic, statsOf } from '../support/traffic.ts'
import { expecting, startWitness, type Witness } from '../support/witness.ts'

const CLIENTS = 20
const RATE = 150
const SOON = 5000 // milliseconds in which a gateway serves again, on a busy machine

/** Flags for a gateway that dies on SIGUSR2. */
const dying = (how: string) => [
  '--import',
  `data:text/javascript,${encodeURIComponent(`process.on('SIGUSR2', ${how})`)}`,
]

suite('F17: a gateway dies beside another', { skip: noPostgres || noRedis }, () => {
  const keep = keeper()
  let service: Witness
  let directory: StoredDirectory
  let issuer: TestIssuer
  let survivor: TestGateway
  let asks: Mixture
  let file: (port: number) => string

  before(async () => {
    const postgres = keep(await startPostgres())
    directory = keep(await storeDirectory(postgres.url))
    const redis = keep(await startRedis())
    issuer = keep(await startIssuer())
    service = keep(await startWitness())
    asks = await mixture(directory, issuer)
    file = (port) => `
version: 1
listen: 127.0.0.1:${port}
probes: 127.0.0.1:0
grace: 500ms
stores: { redis: "${redis.url}", postgres: "${directory.url}" }
upstreams: { service: "${service.url}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}" } }
  login: { session: {} }
  keys: { api_key: {} }
limits: { per-user: { allow: 1000000/min, by: subject } }
defaults: { upstream: service, limits: [per-user], authenticate: [acme, login, keys] }
routes:
  - { path: /token, require: { permissions: [orders:read] } }
  - { path: /session }
  - { path: /key, require: { permissions: [orders:read] } }
  - { path: /few, authenticate: [keys], limits: [{ allow: 3/h, by: subject }] }
`
    survivor = keep(await serve(file(0)))
    await ready(survivor)
  })

  const ready = ({ url }: { url: string }) =>
    eventually(
      'it serves',
      async () => {
        const { port } = new URL(url)
        const { headers, path } = asks(0)
        return await ask({ port: Number(port) }, `GET ${path}`, { ...headers }).then(
          ({ status }) => status === 200,
          () => false,
        )
      },
      SOON,
    )
  const load = (url: string) => keep(startTraffic(url, asks, { clients: CLIENTS, rate: RATE }))

  /** Both are asked at the same rate, one dies; gives what became of the requests to each. */
  const witnessDeath = async (victim: TestGateway, kill: () => Promise<unknown>) => {
    const [here, there] = [load(victim.url), load(survivor.url)]
    await sleep(2000)
    await kill()
    const died = performance.now()
    await sleep(1500)
    return { here, there, died }
  }
  /** Of those that had been asked when it died: how many got no answer. Every answer was the right one. */
  const lostOf = (answers: readonly Answer[], died: number) => {
    const asked = answers.filter(({ at }) => at < died - 50)
    const lost = asked.filter(({ status }) => status === 0).length
    assert.equal(asked.filter(({ status }) => status === 200).length + lost, asked.length)
    assert.ok(lost <= CLIENTS, `${lost} requests were lost of at most ${CLIENTS} under way`)
    return { asked: asked.length, lost }
  }
  const assertUnmoved = (answers: readonly Answer[]) => {
    const { count, failed, outcomes } = statsOf(answers)
    assert.equal(failed, 0, JSON.stringify(outcomes))
    assert.deepEqual([service.wrong, service.unauthorised], [[], []])
    assert.deepEqual(
      survivor.lines.filter(({ level }) => level === 'error'),
      [],
    )
    return { total: count, failed }
  }

  test('F17: SIGKILL loses what is under way, and nothing else; started again, it serves at once and knows all counts', async () => {
    const port = await steadyPort()
    const victim = await serve(file(port))
    const known = expecting({ issuer: 'heimdall', subject: 'person-0', authenticator: 'keys' })
    const who = { ...known, 'X-API-Key': (await directory.apiKey({ subject: 'person-0' })).value }
    const few = async (at: { port: number }) => outcomeOf(await ask(at, 'GET /few', who))
    await ready(victim)
    for (const at of [victim, survivor, victim]) assert.equal(await few(at), '200')
    assert.equal(await few(victim), '429 rate_limited')

    const { here, there, died } = await witnessDeath(victim, () => victim.end('SIGKILL'))
    const began = performance.now()
    const again = keep(await serve(file(port)))
    const started = performance.now() - began
    await ready(again)
    const serving = performance.now() - began
    assert.equal(await few(again), '429 rate_limited')
    await sleep(1000)
    const [lost, totals] = [lostOf(await here.stop(), died), assertUnmoved(await there.stop())]
    const late = here.answers.filter(({ at, status }) => at > began + serving && status !== 200)
    report('F17', { what: 'SIGKILL', ...lost, listening_after_ms: started, serving_after_ms: serving }, totals)
    assert.deepEqual(late, [])
    assert.ok(serving < SOON, `serves after ${serving} ms`)
    assert.equal(issuer.keys.count.jwks, 3, 'each process fetched the keys once')
  })

  test('F17: an unhandled rejection ends it with one line and an exit code of its own', async () => {
    const victim = await serve(file(0), { flags: dying(`() => void Promise.reject(new Error('left behind'))`) })
    await ready(victim)
    const gone = once(victim.child, 'exit')
    const { here, there, died } = await witnessDeath(victim, () => (victim.child.kill('SIGUSR2'), gone))
    assert.deepEqual(await gone, [DEFECT, null])
    const told = victim.lines.filter(({ level }) => level === 'error')
    assert.deepEqual(
      told.map(({ msg, origin }) => [msg, origin]),
      [['uncaught error: the process ends', 'unhandledRejection']],
    )
    assert.equal(victim.errors(), '')
    report(
      'F17',
      { what: 'unhandled rejection', ...lostOf(await here.stop(), died) },
      assertUnmoved(await there.stop()),
    )
    await assert.rejects(victim.end(), /a defect ended the gateway/)
  })

  test('F17: out of memory, it tells so before it dies, and takes nobody along', async () => {
    const leak = `() => setInterval(() => (globalThis.leak ??= []).push(new Array(20_000).fill({})), 5)`
    const victim = await serve(file(0), { flags: ['--max-old-space-size=96', ...dying(leak)] })
    await ready(victim)
    const gone = once(victim.child, 'exit')
    const { here, there } = await witnessDeath(victim, async () => {
      victim.child.kill('SIGUSR2')
      await gone
    })
    assert.deepEqual(await gone, [null, 'SIGABRT'])
    await here.stop()
    const told = victim.lines.find(({ msg, reason }) => msg === 'overload begins' && reason === 'memory')
    const warning = Number(victim.lines.at(-1)?.['time']) - Number(told?.['time'])
    report('F17', { what: 'out of memory', told_before_ms: warning }, assertUnmoved(await there.stop()))
    assert.ok(warning > 0, 'it tells that its memory is full before it dies')
  })
})
