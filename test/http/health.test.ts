import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'

import { createHealth, type Component, type ComponentStatus } from '#http/health.ts'
import { createHttpServer, type HttpServer } from '#http/server.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { exchange } from '../support/raw-client.ts'

const started: HttpServer[] = []
after(async () => {
  for (const server of started) await server.stop()
})

type Registry = Parameters<typeof createHealth>[0]['registry']

async function probes(components: readonly Component[] = [], registry: Registry = createMetrics().registry) {
  const request = createHealth({ components, registry, timeout: 100 })
  const server = createHttpServer({ log: silent, metrics: createMetrics() }, { request })
  started.push(server)
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  return (path: string, method = 'GET') =>
    exchange(port, `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
}

const component = (name: string, found: ComponentStatus, required = false): Component => ({
  name,
  required,
  check: () => found,
})

async function readiness(...components: Component[]) {
  const response = await (await probes(components))('/readyz')
  return { http: response.status, ...JSON.parse(response.text) }
}

suite('/livez', () => {
  test('answers as long as the event loop turns, whatever is down', async () => {
    const probe = await probes([component('keys:acme', { status: 'down' }, true)])
    assert.equal((await probe('/livez')).status, 200)
    assert.equal((await probe('/livez', 'HEAD')).body.length, 0)
  })
})

suite('/readyz', () => {
  test('tells how every component fares', async () => {
    assert.deepEqual(
      await readiness(
        component('redis', { status: 'disabled' }),
        component('keys:acme', { status: 'up', keys: 2, age_s: 12 }, true),
      ),
      {
        http: 200,
        status: 'ready',
        components: { redis: { status: 'disabled' }, 'keys:acme': { status: 'up', keys: 2, age_s: 12 } },
      },
    )
  })

  test('stays ready, but degraded, without Redis and Postgres', async () => {
    const found = await readiness(
      component('redis', { status: 'down' }),
      component('postgres', { status: 'down', breaker: 'open' }),
      component('keys:acme', { status: 'degraded' }, true),
    )
    assert.equal(found.http, 200)
    assert.equal(found.status, 'degraded')
  })

  test('is unready while something required is down', async () => {
    const found = await readiness(component('keys:acme', { status: 'down' }, true))
    assert.equal(found.http, 503)
    assert.equal(found.status, 'unready')
  })

  test('counts a component that throws or does not answer as down, in bounded time', async () => {
    const throwing: Component = {
      name: 'throwing',
      check: () => {
        throw new Error('secret detail')
      },
    }
    const silence: Component = { name: 'silence', required: true, check: () => new Promise(() => undefined) }
    const begun = performance.now()
    const found = await readiness(throwing, silence)
    assert.ok(performance.now() - begun < 1000)
    assert.deepEqual(found, {
      http: 503,
      status: 'unready',
      components: {
        throwing: { status: 'down', reason: 'check failed' },
        silence: { status: 'down', reason: 'no answer in time' },
      },
    })
  })

  test('checks once for everybody who asks at the same time', async () => {
    let checks = 0
    const slow: Component = {
      name: 'slow',
      async check() {
        checks += 1
        await new Promise((resolve) => setTimeout(resolve, 50))
        return { status: 'up' }
      },
    }
    const probe = await probes([slow])
    await Promise.all(Array.from({ length: 10 }, () => probe('/readyz')))
    assert.equal(checks, 1)
    await probe('/readyz')
    assert.equal(checks, 2)
  })
})

suite('/metrics', () => {
  test('is Prometheus text', async () => {
    const response = await (await probes())('/metrics?from=prometheus')
    assert.equal(response.status, 200)
    assert.equal(response.header('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    assert.match(response.text, /^# TYPE heimdall_requests_total counter$/m)
  })

  test('gives up on a scrape that takes too long', async () => {
    const stuck = {
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      metrics: () => new Promise<string>(() => {}),
    } as const
    assert.equal((await (await probes([], stuck))('/metrics')).status, 503)
  })
})

suite('the probes listener', () => {
  test('knows three pages and two methods', async () => {
    const probe = await probes()
    assert.equal((await probe('/')).status, 404)
    assert.equal((await probe('/__proto__')).status, 404)
    const refused = await probe('/livez', 'POST')
    assert.equal(refused.status, 405)
    assert.equal(refused.header('allow'), 'GET, HEAD')
  })
})
