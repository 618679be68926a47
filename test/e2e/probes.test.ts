/**
 * Probes and the admin page: what operators and their machines may ask.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { request } from 'undici'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { eventually, freePort } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { startUpstream } from '../support/upstream.ts'

suite('probes', { skip: noPostgres || noRedis }, () => {
  const keep = keeper()
  let redis: TestRedis
  let postgres: TestPostgres
  let admin: string
  let gateway: TestGateway

  before(async () => {
    const issuer = keep(await startIssuer())
    const upstream = keep(await startUpstream(fixed(200, 'service')))
    redis = keep(await startRedis())
    postgres = keep(await startPostgres())
    admin = `127.0.0.1:${await freePort()}`
    gateway = keep(
      await serve(
        `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
admin: ${admin}
grace: 500ms
stores: { redis: "${redis.url}", postgres: "${postgres.url}" }
upstreams: { service: "${upstream.url}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: "\${AUDIENCE}" } }
routes:
  - { name: open, path: /open, public: true, upstream: service }
  - { name: orders, path: /orders, upstream: service, authenticate: [acme], require: { roles: [clerk] } }
`,
        { env: { AUDIENCE: 'a-word-that-nobody-should-see' } },
      ),
    )
  })

  const get = async (url: string) => {
    const { statusCode, headers, body } = await request(url)
    return { status: statusCode, type: headers['content-type'], text: await body.text() }
  }
  const readiness = async () => {
    const { status, text } = await get(`${gateway.probes}/readyz`)
    const parsed = JSON.parse(text) as { status: string; components: Record<string, { status: string }> }
    const components = Object.entries(parsed.components).map(([name, one]) => [name, one.status])
    return { http: status, status: parsed.status, ...Object.fromEntries(components) } as Record<string, unknown>
  }

  test('tell each part of the gateway', async () => {
    await eventually('ready', async () => (await readiness())['status'] === 'ready')
    assert.deepEqual(await readiness(), {
      http: 200,
      status: 'ready',
      drain: 'up',
      config: 'up',
      keys: 'up',
      overload: 'up',
      redis: 'up',
      postgres: 'up',
    })
    assert.equal((await get(`${gateway.probes}/livez`)).status, 200)
  })

  test('a dead Redis or Postgres is told and takes no gateway out of service', async () => {
    await redis.crash()
    await postgres.crash()
    await eventually('both are told', async () => {
      const { redis: one, postgres: other } = await readiness()
      return one === 'down' && other === 'down'
    })
    assert.deepEqual([(await readiness())['http'], (await readiness())['status']], [200, 'degraded'])
    assert.equal((await get(`${gateway.probes}/livez`)).status, 200)
    await Promise.all([redis.restart(), postgres.restart()])
    await eventually('ready', async () => (await readiness())['status'] === 'ready', 10_000)
  })

  test('are for the probes listener alone', async () => {
    for (const path of ['/livez', '/readyz', '/metrics', '/config'])
      assert.equal(outcomeOf(await ask(gateway, `GET ${path}`)), '404 route_unknown', path)
    for (const path of ['/open', '/config', '/']) assert.equal((await get(gateway.probes + path)).status, 404, path)
  })

  test('metrics are text that Prometheus reads', async () => {
    const { status, type, text } = await get(`${gateway.probes}/metrics`)
    assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8'])
    assert.match(text, /^# TYPE heimdall_requests_total counter$/m)
  })

  test('the admin page shows the rules in force and no value that could be a secret', async () => {
    const { status, text } = await get(`http://${admin}/config`)
    assert.equal(status, 200)
    const { generation, routes } = JSON.parse(text) as { generation: number; routes: { name: string }[] }
    assert.equal(generation, 1)
    assert.deepEqual(
      routes.map(({ name }) => name),
      ['open', 'orders'],
    )
    assert.ok(!text.includes('nobody-should-see'))
    assert.equal((await get(`http://${admin}/explain`)).status, 404)
  })
})
