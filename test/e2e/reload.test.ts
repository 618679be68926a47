/**
 * A new file in force while traffic flows: nobody notices but by what it says.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'

import { request } from 'undici'

import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { heapOf, TELLS_HEAP } from '../support/heap.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { startFlood, startLoad, tally, type Load } from '../support/load.ts'
import { eventually } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import { startService, type Service } from '../support/service.ts'

type Version = 'a' | 'b'

suite('a reload', () => {
  const keep = keeper()
  let services: Record<Version, Service>
  let issuer: TestIssuer
  let gateway: TestGateway
  let alice: { Authorization: string }

  /** Two versions that differ in the service that answers. */
  const file = (version: Version, more = '') => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 25s
upstreams: { service: "${services[version].url}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}" } }
defaults: { upstream: service, authenticate: [acme] }
routes:
  - { path: /data, require: { permissions: [orders:read] } }
  - { path: /slow, public: true }
  - { path: /limited, limits: [{ allow: 5/min, by: subject }] }
${more}`

  before(async () => {
    const named = (name: Version) =>
      startService(({ url }, response) => void setTimeout(() => response.end(name), url === '/slow' ? 1000 : 0))
    services = { a: keep(await named('a')), b: keep(await named('b')) }
    issuer = keep(await startIssuer())
    alice = issuer.as('alice', { permissions: ['orders:read'] })
    gateway = keep(await serve(file('a')))
    await eventually('the first keys are there', async () => (await status('/data')) === '200')
  })

  const path = () => join(gateway.folder, 'heimdall.yaml')
  const status = async (target: string) => outcomeOf(await ask(gateway, `GET ${target}`, alice))
  const metric = async (name: string, labels = {}) => sample(await gateway.metrics(), name, labels)
  const generation = () => metric('heimdall_config_generation')
  const refused = () => metric('heimdall_config_reloads_total', { outcome: 'refused' })
  const readiness = async () => {
    const { statusCode, body } = await request(`${gateway.probes}/readyz`)
    return { statusCode, ...((await body.json()) as { status: string; components: { config: { status: string } } }) }
  }

  /** Ways in which a new file comes about. */
  const ways = {
    write: (text: string) => gateway.rewrite(text),
    rename(text: string) {
      writeFileSync(`${path()}.new`, text)
      renameSync(`${path()}.new`, path())
    },
    /** As Kubernetes updates a mounted ConfigMap: the file is a symlink through `..data`, which is swapped. */
    swap(text: string) {
      const folder = `..${performance.now()}`
      mkdirSync(join(gateway.folder, folder))
      writeFileSync(join(gateway.folder, folder, 'heimdall.yaml'), text)
      symlinkSync(folder, join(gateway.folder, '..data_tmp'))
      renameSync(join(gateway.folder, '..data_tmp'), join(gateway.folder, '..data'))
      if (existsSync(join(gateway.folder, 'mounted'))) return
      writeFileSync(join(gateway.folder, 'mounted'), '')
      symlinkSync('..data/heimdall.yaml', `${path()}.new`)
      renameSync(`${path()}.new`, path())
    },
    hangup(text: string) {
      rmSync(path())
      writeFileSync(path(), text)
      gateway.child.kill('SIGHUP')
    },
  }
  /** Puts a version in force and waits until it is. */
  const change = async (version: Version, way: keyof typeof ways = 'write') => {
    const before = await generation()
    ways[way](file(version, `# ${before}`))
    await eventually(`${way} of ${version}`, async () => (await generation()) > before)
  }
  const load = () =>
    startLoad(gateway.url, () => ({ kind: 'data', path: '/data', headers: alice }), { connections: 50 })
  /** Every answer came from the service of one version or the other. */
  const assertServed = async (running: Load) => {
    const answers = await running.stop()
    const failed = answers.filter(({ status, text }) => status !== 200 || !['a', 'b'].includes(text))
    assert.deepEqual(failed.slice(0, 3), [], JSON.stringify(tally(answers)))
    return answers
  }

  test('finishes requests under way on the version with which they began', async () => {
    await change('a')
    const slow = ask(gateway, 'GET /slow')
    await eventually('it is under way', async () => (await metric('heimdall_requests_in_flight')) === 1)
    await change('b')
    assert.equal((await ask(gateway, 'GET /data', alice)).text, 'b')
    assert.equal((await slow).text, 'a')
  })

  test('forgets no count of a limit', async () => {
    for (const expected of ['200', '200', '200']) assert.equal(await status('/limited'), expected)
    await change('a')
    await change('b')
    for (const expected of ['200', '200', '429 rate_limited']) assert.equal(await status('/limited'), expected)
  })

  test('of a bad file changes nothing for clients, and says what is wrong', async () => {
    await change('a')
    const running = load()
    const [known, before] = [gateway.lines.length, await generation()]
    const already = await refused()
    gateway.rewrite(file('b', '  - { path: /more, upstream: elsewhere, requires: {} }\n'))
    await eventually('it is refused', async () => (await refused()) === already + 1)
    const said = () => gateway.lines.slice(known).filter(({ msg }) => msg === 'configuration refused')
    await eventually('it is said', () => said().length > 0)
    assert.equal(said()[0]?.['level'], 'error')
    assert.match(String(said()[0]?.['problems']), /heimdall\.yaml:\d+:\d+ .*requires/)
    assert.equal(await generation(), before)
    const { statusCode, status: overall, components } = await readiness()
    assert.deepEqual([statusCode, overall, components.config.status], [200, 'degraded', 'degraded'])
    assert.equal((await ask(gateway, 'GET /data', alice)).text, 'a')

    await change('b')
    assert.equal((await readiness()).status, 'ready')
    assert.equal((await ask(gateway, 'GET /data', alice)).text, 'b')
    await assertServed(running)
  })

  test('of a file that is still being written waits for its end', async () => {
    await change('a')
    const [already, before] = [await refused(), await generation()]
    const whole = file('b')
    gateway.rewrite(whole.slice(0, whole.indexOf('audience')))
    await eventually('the half is refused', async () => (await refused()) > already)
    assert.equal(await generation(), before)
    assert.equal((await ask(gateway, 'GET /data', alice)).text, 'a')
    gateway.rewrite(whole)
    await eventually('the whole is in force', async () => (await generation()) === before + 1)
    assert.equal((await ask(gateway, 'GET /data', alice)).text, 'b')
  })

  test('20 times by every way, and then SIGTERM, under load: no request fails', async (t) => {
    await change('b')
    const flood = startFlood(gateway.url, { path: '/data', headers: alice }, 64)
    t.after(() => flood.stop())
    const running = load()
    const before = await generation()
    for (const way of ['write', 'rename', 'swap', 'hangup'] as const)
      for (const version of ['a', 'b', 'a', 'b', 'a'] as const) await change(version, way)
    assert.equal(await generation(), before + 20)
    const [seen, switched] = [running.answers.length, performance.now()]
    await eventually('more answers', () => running.answers.length >= seen + 500)

    const ended = gateway.end('SIGTERM')
    await eventually('a balancer takes notice', async () => (await readiness()).statusCode === 503)
    const noticed = running.answers.length
    await eventually('answers while draining', () => running.answers.length >= noticed + 200)
    const [answers, totals] = [await assertServed(running), await flood.stop()]
    assert.equal(await ended, 0)
    assert.equal(totals.failed, 0, JSON.stringify(totals))
    assert.ok(totals.requests > 1000, `only ${totals.requests}`)
    assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['a', 'b']))
    const late = answers.filter(({ at }) => at > switched)
    assert.deepEqual(new Set(late.map(({ text }) => text)), new Set(['a']), 'the last version answers alone')
    assert.equal(issuer.keys.count.jwks, 1, 'keys were fetched again')
    assert.equal(gateway.errors(), '')
  })
})

suite('200 reloads', () => {
  const keep = keeper()

  test('leave the memory as it was', async () => {
    const service = keep(await startService((_, response) => void response.end()))
    const routes = Array.from({ length: 50 }, (_, index) => `  - { path: "/r${index}/{id}/**", public: true }\n`)
    const file = `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${service.url}" }
limits: { some: { allow: 1000/min, by: client } }
defaults: { upstream: service, limits: [some] }
routes:
${routes.join('')}`
    const gateway = keep(await serve(file, { flags: TELLS_HEAP }))
    const generation = async () => sample(await gateway.metrics(), 'heimdall_config_generation')
    const reload = async (times: number) => {
      for (let left = times; left > 0; left -= 1) {
        const before = await generation()
        gateway.child.kill('SIGHUP')
        await eventually('the file is in force', async () => (await generation()) > before)
        await ask(gateway, 'GET /r1/x/y')
      }
    }
    await reload(40)
    const early = await heapOf(gateway)
    await reload(200)
    const grown = (await heapOf(gateway)) - early
    assert.ok(grown < 3 * 1024 ** 2, `the heap grew by ${Math.round(grown / 1024)} KiB`)
  })
})
