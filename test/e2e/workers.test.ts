/**
 * Several workers on one port are one gateway: to clients, to operators, to those who reload and end it.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test, before } from 'node:test'

import { request } from 'undici'

import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { heimdall } from '../support/command.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { startLoad, tally } from '../support/load.ts'
import { childrenOf, eventually, freePort, isGone, signal } from '../support/processes.ts'
import { connectRaw } from '../support/raw-client.ts'
import { sample } from '../support/samples.ts'
import { startService, type Service } from '../support/service.ts'

type Readiness = { status: string; components: Record<string, { status: string; [fact: string]: unknown }> }

suite('workers', () => {
  const keep = keeper()
  let services: Record<'a' | 'b', Service>
  let issuer: TestIssuer
  let gateway: TestGateway

  const file = (version: 'a' | 'b', more = '') => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
workers: 2
grace: 5s
bad_credentials: 10/min
upstreams: { service: "${services[version].url}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}" } }
defaults: { upstream: service, authenticate: [acme] }
routes:
  - { path: /data, public: true }
  - { path: /slow, public: true }
  - { path: /hundred, public: true, limits: [{ allow: 100/h, by: client, report: true }] }
  - { path: /one, public: true, limits: [{ allow: 1/h, by: client }, { allow: 50/h, by: "header:X-Team" }] }
  - { path: /mine }
${more}`

  before(async () => {
    const named = (name: string) =>
      startService(({ url }, response) => void setTimeout(() => response.end(name), url === '/slow' ? 1000 : 0))
    services = { a: keep(await named('a')), b: keep(await named('b')) }
    issuer = keep(await startIssuer())
    gateway = keep(await serve(file('a')))
  })

  const workers = () => childrenOf(gateway.pid)
  const metric = async (name: string, labels = {}) => sample(await gateway.metrics(), name, labels)
  const readiness = async () => {
    const { statusCode, body } = await request(`${gateway.probes}/readyz`)
    return { ...((await body.json()) as Readiness), http: statusCode }
  }
  const whole = () => eventually('all workers serve', async () => (await readiness()).status === 'ready', 15_000)
  const texts = async (count: number) =>
    new Set((await Promise.all(Array.from({ length: count }, () => ask(gateway, 'GET /data')))).map(({ text }) => text))

  test('share the connections, and have one page of metrics and one answer about readiness', async () => {
    await whole()
    assert.equal(workers().length, 2)
    await texts(200)
    await eventually(
      'all are counted',
      async () => (await metric('heimdall_requests_total', { route: '/data' })) === 200,
    )
    await eventually('both have logged', () => {
      const by = (worker: number) =>
        gateway.lines.filter((line) => line['worker'] === worker && line['route'] === '/data')
      return by(0).length + by(1).length === 200 && Math.min(by(0).length, by(1).length) > 50
    })
    const { components } = await readiness()
    assert.deepEqual(Object.keys(components), ['drain', 'config', 'workers', 'overload', 'keys', 'redis', 'postgres'])
    assert.deepEqual(components['workers'], { status: 'up', open: 2, of: 2 })
    assert.equal(await metric('heimdall_workers'), 2)
    assert.equal(await metric('heimdall_request_duration_seconds_count', { route: '/data' }), 200)
    assert.equal((await heimdall(['health', '--url', `${gateway.probes}/readyz`])).code, 0)
  })

  test('share every quota, over one connection as over many', async () => {
    const all = await Promise.all(Array.from({ length: 80 }, () => ask(gateway, 'GET /hundred')))
    assert.equal(all.filter(({ status }) => status === 200).length, 80)
    const one = await connectRaw(gateway.port)
    let passed = 0
    for (let turn = 0; turn < 25; turn += 1) {
      one.send(requestBytes('GET /hundred'))
      const { status } = await one.response()
      passed += Number(status === 200)
    }
    one.destroy()
    assert.equal(passed, 20)
    assert.equal(outcomeOf(await ask(gateway, 'GET /hundred')), '429 rate_limited')
  })

  test('give back what another limit refused, whoever counted it', async () => {
    assert.equal(outcomeOf(await ask(gateway, 'GET /one', { 'X-Team': 'red' })), '200')
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => ask(gateway, 'GET /one', { 'X-Team': 'red' }).then(outcomeOf)),
    )
    assert.deepEqual(new Set(answers), new Set(['429 rate_limited']))
  })

  test('share the budget of bad credentials', async () => {
    const forged = (subject: string) => issuer.token(subject).replace(/.{10}(?=.{10}$)/, 'AAAAAAAAAA')
    const answers: string[] = []
    for (let turn = 0; turn < 30; turn += 1)
      answers.push(outcomeOf(await ask(gateway, 'GET /mine', { Authorization: `Bearer ${forged(`m${turn}`)}` })))
    const worked = answers.filter((answer) => answer.startsWith('401')).length
    assert.ok(worked >= 10 && worked <= 12, answers.join())
  })

  test('are replaced one by one: nobody else notices, and no counter goes back', async () => {
    await whole()
    const counted = () => metric('heimdall_requests_total', { route: '/data', outcome: 'pass' })
    const load = startLoad(gateway.url, () => ({ kind: 'data', path: '/data' }), { connections: 32 })
    await eventually('traffic flows', () => load.answers.length > 500)
    const [victim = 0] = workers()
    const before = await counted()
    signal(victim, 'SIGKILL')
    await eventually('it is gone', () => isGone(victim))
    assert.ok((await counted()) >= before)
    const { http, components } = await readiness()
    assert.deepEqual([http, components['workers']?.status], [200, 'degraded'])
    await whole()
    const seen = load.answers.length
    await eventually('traffic flows', () => load.answers.length > seen + 500)
    const answers = await load.stop()
    const broken = answers.filter(({ status }) => status !== 200)
    assert.ok(broken.length <= 32, JSON.stringify(tally(answers))) // those on its connections
    assert.ok((await counted()) >= before)
    assert.equal(await metric('heimdall_worker_deaths_total', { cause: 'SIGKILL' }), 1)
    assert.equal(await metric('heimdall_worker_starts_total'), 3)
    const death = await gateway.line(({ msg }) => msg === 'worker ended')
    assert.equal(death['cause'], 'SIGKILL')
    assert.ok(!workers().includes(victim) && workers().length === 2)
  })

  test('take a new file over together, and one that is replaced while it is broken serves the last good one', async () => {
    const generation = () => metric('heimdall_config_generation')
    const load = startLoad(gateway.url, () => ({ kind: 'data', path: '/data' }), { connections: 16 })
    gateway.rewrite(file('b'))
    await eventually('it is in force', async () => (await generation()) === 2)
    assert.deepEqual(await texts(40), new Set(['b']))
    assert.equal(await metric('heimdall_config_reloads_total', { outcome: 'applied' }), 1)

    gateway.rewrite('version: 1\nroutes: nonsense\n')
    await eventually(
      'it is refused',
      async () => (await metric('heimdall_config_reloads_total', { outcome: 'refused' })) === 1,
    )
    assert.equal((await readiness()).components['config']?.status, 'degraded')
    const answers = await load.stop()
    assert.deepEqual(Object.keys(tally(answers)), ['data 200'])
    const [victim = 0] = workers()
    signal(victim, 'SIGKILL')
    await eventually('it is gone', () => isGone(victim))
    await eventually('it is replaced', async () => (await metric('heimdall_workers')) === 2, 15_000)
    assert.deepEqual(await texts(40), new Set(['b']))

    gateway.rewrite(file('a'))
    await eventually('it is mended', async () => (await generation()) === 3)
    assert.deepEqual(await texts(40), new Set(['a']))
    gateway.child.kill('SIGHUP')
    await eventually('it is read again', async () => (await generation()) === 4)
    await whole()
  })

  test('are brought up to date when they come about while others take a new file', async () => {
    const [held = 0, victim = 0] = workers()
    const known = gateway.lines.length
    const told = (what: string) => eventually(what, () => gateway.lines.slice(known).some(({ msg }) => msg === what))
    signal(held, 'SIGSTOP')
    signal(victim, 'SIGKILL')
    await told('worker starts')
    gateway.rewrite(file('b'))
    gateway.child.kill('SIGHUP')
    await told('worker serves')
    signal(held, 'SIGCONT')
    await told('configuration applied')
    await whole()
    await eventually('all serve it', async () => !(await texts(40)).has('a'))
    gateway.rewrite(file('a'))
    await eventually('it is as before', async () => !(await texts(40)).has('b'))
  })

  test('drain together: readiness fails at once, and no request does', async () => {
    const load = startLoad(gateway.url, () => ({ kind: 'data', path: '/data' }), { connections: 32 })
    const slow = ask(gateway, 'GET /slow')
    await eventually('it is under way', async () => (await metric('heimdall_requests_in_flight')) >= 1)
    const ended = gateway.end('SIGTERM')
    for (const worker of workers()) signal(worker, 'SIGTERM') // as sent to the whole group
    await eventually('readiness fails', async () => (await readiness()).http === 503)
    const noticed = load.answers.length
    await eventually('answers while draining', () => load.answers.length >= noticed + 100)
    const answers = await load.stop()
    assert.deepEqual(Object.keys(tally(answers)), ['data 200'])
    assert.equal((await slow).status, 200)
    assert.equal(await ended, 0)
    assert.deepEqual(workers(), [])
    assert.equal(gateway.errors(), '')
  })
})

suite('workers without their primary', () => {
  const keep = keeper()

  test('finish what is under way, and end', async () => {
    const service = keep(await startService((_, response) => void setTimeout(() => response.end('late'), 700)))
    const gateway = await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
workers: 2
grace: 2s
upstreams: { service: "${service.url}" }
routes: [{ path: /x, public: true, upstream: service, limits: [{ allow: 1000/s, by: client }] }]
`)
    const orphans = childrenOf(gateway.pid)
    assert.equal(orphans.length, 2)
    const answers = Promise.all(Array.from({ length: 20 }, () => ask(gateway, 'GET /x')))
    await eventually(
      'they are under way',
      async () => sample(await gateway.metrics(), 'heimdall_requests_in_flight') === 20,
    )
    gateway.child.kill('SIGKILL')
    await once(gateway.child, 'exit')
    assert.deepEqual(new Set((await answers).map(({ text }) => text)), new Set(['late']))
    await eventually('no orphan stays', () => orphans.every(isGone))
  })
})

suite('workers that cannot start, or not stay', () => {
  const yaml = (listen: string) => `
version: 1
listen: ${listen}
probes: 127.0.0.1:0
workers: 2
grace: 500ms
upstreams: { service: "http://127.0.0.1:9" }
routes: [{ path: /x, public: true, upstream: service }]
`

  test('hold up no end, however long one that keeps dying will wait', async () => {
    const gateway = await serve(yaml('127.0.0.1:0'))
    const starts = () => gateway.lines.filter(({ msg, worker }) => msg === 'worker starts' && worker === 0)
    for (let count = 1; count <= 6; count += 1) {
      await eventually('it starts', () => starts().length === count)
      signal(Number(starts().at(-1)?.['worker_pid']), 'SIGKILL')
    }
    await eventually('it waits', () => gateway.lines.some(({ again_ms }) => Number(again_ms) >= 1600))
    const began = performance.now()
    assert.equal(await gateway.end(), 0)
    assert.ok(performance.now() - began < 1000)
  })

  test('end with the message and the code of one process', async () => {
    const port = await freePort()
    const first = await serve(yaml(`127.0.0.1:${port}`))
    await assert.rejects(serve(yaml(`127.0.0.1:${port}`)), (error: Error) => {
      const told = error.message.match(/cannot listen on 127\.0\.0\.1:\d+: the port is taken \(EADDRINUSE\)/g)
      assert.equal(told?.length, 1, error.message)
      return true
    })
    assert.equal(await first.end(), 0)
  })
})
