import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createBackends } from '#proxy/backends.ts'
import { createUpstream } from '#proxy/upstream.ts'
import { upstreamSchema } from '#config/upstream.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { fixed, never } from '../support/answers.ts'
import { startForwarder } from '../support/forwarder.ts'
import { connectRaw, exchange } from '../support/raw-client.ts'
import { startUpstream } from '../support/upstream.ts'
import { until } from '../support/wire.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const options = { upstream: 'a', url: 'http://127.0.0.1:1', ca: undefined, connections: 4, connectTimeout: 100 }

suite('backends', () => {
  test('give the same target the same backend across reloads', () => {
    const backends = createBackends(createMetrics())
    const first = backends.get(options)
    assert.equal(backends.get({ ...options }), first)
    for (const change of [{ upstream: 'b' }, { url: 'http://127.0.0.1:2' }, { ca: 'pem' }, { connections: 5 }])
      assert.notEqual(backends.get({ ...options, ...change }), first)
    backends.retain([first])
    assert.equal(backends.get(options), first)
    backends.retain([])
    assert.notEqual(backends.get(options), first)
  })

  test('let requests of a target that a reload dropped finish, and close what is idle', async () => {
    const upstream = await startUpstream(never)
    const own = await startForwarder({ upstream: upstream.url })
    const slow = await connectRaw(own.port)
    slow.send(GET)
    await upstream.arrived(1)
    upstream.answer = fixed(200, 'quick')
    await exchange(own.port, GET)
    assert.equal(upstream.open(), 2)

    own.backends.retain([])
    await until(() => upstream.open() === 1, 'the idle connection to be closed')
    const request = upstream.requests[0]
    const connection = upstream.connections[0]
    assert.ok(request && connection)
    await fixed(200, 'slow')(request, connection)
    assert.equal((await slow.response()).text, 'slow')
    await until(() => upstream.open() === 0, 'the busy connection to be closed')

    assert.equal((await exchange(own.port, GET)).text, 'quick', 'a request of the old version still gets through')
    await until(() => upstream.open() === 0, 'its connection to be closed')
    slow.destroy()
    await own.close()
    await upstream.close()
  })

  test('show on a scrape how their connections stand', async () => {
    const upstream = await startUpstream(never)
    const own = await startForwarder({ upstream: upstream.url })
    const client = await connectRaw(own.port)
    client.send(GET)
    await upstream.arrived(1)
    const text = await own.metrics.registry.metrics()
    assert.match(text, /heimdall_upstream_connections\{upstream="test",state="connected"\} 1/)
    assert.match(text, /heimdall_upstream_connections\{upstream="test",state="running"\} 1/)
    assert.match(text, /heimdall_upstream_connections\{upstream="test",state="pending"\} 0/)
    client.destroy()
    await own.close()
    await upstream.close()
  })
})

suite('upstreams', () => {
  const make = (block: unknown) => {
    const metrics = createMetrics()
    return createUpstream('a', upstreamSchema.parse(block), { backends: createBackends(metrics), metrics, log: silent })
  }
  const asking = (client: string, subject?: string) => ({
    client,
    principal: subject === undefined ? undefined : ({ issuer: 'i', subject } as never),
  })
  const targets = ['http://127.0.0.1:1', 'http://127.0.0.1:2', 'http://127.0.0.1:3']

  test('send one subject to one target, and people without identity by their address', () => {
    const upstream = make({ targets, balance: 'hash(subject)' })
    const alice = upstream.pick(asking('1.1.1.1', 'alice'))
    for (const client of ['2.2.2.2', '3.3.3.3']) assert.equal(upstream.pick(asking(client, 'alice')), alice)
    const picked = new Set(Array.from({ length: 50 }, (_, index) => upstream.pick(asking(`10.0.0.${index}`))))
    assert.equal(picked.size, 3)
    upstream.close()
  })

  test('pass over the target that just failed and those left out, as long as there is another', () => {
    const upstream = make({ targets, balance: 'hash(client)' })
    const first = upstream.pick(asking('1.1.1.1'))
    assert.equal(upstream.pick(asking('1.1.1.1')), first)
    const second = upstream.pick(asking('1.1.1.1'), first)
    assert.notEqual(second, first)
    second.ejected = true
    const third = upstream.pick(asking('1.1.1.1'), first)
    assert.ok(third !== first && third !== second)
    third.ejected = true
    assert.notEqual(upstream.pick(asking('1.1.1.1'), first), first)
    upstream.close()
  })
})
