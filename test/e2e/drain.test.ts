/**
 * The end of a gateway: SIGTERM under every kind of connection.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'

import { request } from 'undici'
import { WebSocket, WebSocketServer } from 'ws'

import { ask, requestBytes } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { connectRaw } from '../support/raw-client.ts'
import { eventually } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import { startService } from '../support/service.ts'

const SLACK = 1500 // milliseconds that a busy machine may add

suite('SIGTERM', () => {
  const keep = keeper()

  /** A gateway in front of a service that answers at once, after two seconds, in the course of one, or never. */
  const start = async (grace: string): Promise<TestGateway> => {
    const service = keep(
      await startService(({ url = '' }, response) => {
        if (url === '/never') return
        if (url === '/stream') response.write('first,')
        setTimeout(() => response.end(`done ${url}`), { '/slow': 2000, '/stream': 1000 }[url] ?? 0)
      }),
    )
    return keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: ${grace}
upstreams: { service: "${service.url}" }
routes:
  - { path: "/x/**", public: true, upstream: service }
  - { path: /slow, public: true, upstream: service }
  - { path: /stream, public: true, upstream: service }
  - { path: /never, public: true, upstream: service }
`),
    )
  }
  const probe = async (gateway: TestGateway, path: string) => {
    const { statusCode, body } = await request(gateway.probes + path)
    await body.dump()
    return statusCode
  }
  const unready = (gateway: TestGateway) =>
    eventually('readiness fails', async () => (await probe(gateway, '/readyz')) === 503)
  const underWay = (gateway: TestGateway, count: number) =>
    eventually(
      `${count} under way`,
      async () => sample(await gateway.metrics(), 'heimdall_requests_in_flight') === count,
    )
  const doorClosed = (gateway: TestGateway) =>
    eventually('the door is closed', () =>
      connectRaw(gateway.port).then(
        (client) => (client.destroy(), false),
        () => true,
      ),
    )
  /** Sends the signal; resolves with the exit code and the milliseconds to the end. */
  const end = async (gateway: TestGateway) => {
    const began = performance.now()
    return { code: await gateway.end('SIGTERM'), took: performance.now() - began }
  }

  /** The upstream is to blame for nothing that we cut. */
  const assertClientClosed = (gateway: TestGateway) =>
    assert.equal(gateway.lines.find(({ path }) => path === '/never')?.['outcome'], 'client_closed')

  test('fails readiness at once and says goodbye to clients with their next answer, never by a reset', async () => {
    const gateway = await start('5s')
    const clients = await Promise.all(Array.from({ length: 10 }, () => connectRaw(gateway.port)))
    for (const client of clients) {
      client.send(requestBytes('GET /x/before'))
      assert.equal((await client.response()).header('connection'), 'keep-alive')
    }
    const ended = end(gateway)
    await unready(gateway)
    assert.equal(await probe(gateway, '/livez'), 200)
    for (const client of clients.slice(0, 9)) {
      client.send(requestBytes('GET /x/during'))
      const response = await client.response()
      assert.deepEqual([response.status, response.header('connection')], [200, 'close'])
      assert.equal(await client.closed(), 'end')
    }
    const late = await ask(gateway, 'GET /x/new')
    assert.deepEqual([late.status, late.header('connection')], [200, 'close'])
    assert.equal(await clients[9]?.closed(), 'end', 'a client that asked nothing more')
    const { code, took } = await ended
    assert.equal(code, 0)
    assert.ok(took < 5000, `took ${took} ms`)
    assert.equal(gateway.errors(), '')
  })

  test('lets requests under way finish within grace, while probes answer to the end', async () => {
    const gateway = await start('5s')
    const slow = ask(gateway, 'GET /slow')
    const stream = ask(gateway, 'GET /stream')
    await underWay(gateway, 2)
    const ended = end(gateway)
    await doorClosed(gateway)
    assert.deepEqual([await probe(gateway, '/readyz'), await probe(gateway, '/livez')], [503, 200])
    assert.match(await gateway.metrics(), /^heimdall_requests_in_flight 1$/m)
    assert.equal((await slow).text, 'done /slow')
    assert.equal((await slow).header('connection'), 'close')
    assert.equal((await stream).text, 'first,done /stream')
    const { code, took } = await ended
    assert.equal(code, 0)
    assert.ok(took < 2000 + SLACK, `waited ${took} ms for nothing`)
    assert.equal(gateway.lines.find(({ msg }) => msg === 'drain ends')?.['clean'], true)
  })

  test('cuts at grace what takes longer, and is done', async () => {
    const gateway = await start('1s')
    const client = await connectRaw(gateway.port)
    client.send(requestBytes('GET /never'))
    const stuck = await connectRaw(Number(new URL(gateway.probes).port))
    stuck.send('GET /readyz HTTP/1.1\r\nHost: ')
    await underWay(gateway, 1)
    const { code, took } = await end(gateway)
    assert.equal(code, 0)
    assert.ok(took >= 1000 && took < 1000 + SLACK, `took ${took} ms`)
    await client.closed()
    assert.equal(client.pending().length, 0, 'half an answer')
    assertClientClosed(gateway)
    assert.equal(gateway.lines.find(({ msg }) => msg === 'drain ends')?.['clean'], false)
    assert.equal(gateway.errors(), '')
  })

  test('twice ends at once; a signal told twice in the same moment is one', async () => {
    const gateway = await start('20s')
    const client = await connectRaw(gateway.port)
    client.send(requestBytes('GET /never'))
    await underWay(gateway, 1)
    const first = gateway.end('SIGTERM')
    await unready(gateway)
    const noticed = performance.now()
    gateway.child.kill('SIGTERM') // as npm hands a terminal's Ctrl-C on
    await eventually('a moment passes', () => performance.now() - noticed > 500)
    assert.equal((await ask(gateway, 'GET /x/during')).status, 200)
    const { code, took } = await end(gateway)
    assert.equal(code, 0)
    assert.ok(took < SLACK, `took ${took} ms`)
    assert.equal(await first, 0)
    assertClientClosed(gateway)
  })

  test('closes WebSocket tunnels with the door, and not before', async () => {
    const service = keep(await startService((_, response) => void response.end('plain')))
    const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    keep({ stop: async () => sockets.close() })
    await once(sockets, 'listening')
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)).on('error', () => undefined))
    const address = sockets.address() as { port: number }
    const gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 3s
upstreams: { service: "${service.url}", sockets: "http://127.0.0.1:${address.port}" }
routes:
  - { path: "/x/**", public: true, upstream: service }
  - { path: /ws, public: true, upstream: sockets, websocket: true }
`),
    )
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/ws`)
    const closed = once(socket, 'close').then(([code]) => {
      assert.equal(code, 1001) // RFC 6455 §7.4.1: going away
      return performance.now()
    })
    const echo = (text: string) =>
      new Promise<string>((resolve, reject) => {
        socket.once('message', (data: Buffer) => resolve(data.toString())).once('error', reject)
        socket.send(text)
      })
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    assert.equal(await echo('before'), 'before')
    const began = performance.now()
    const ended = end(gateway)
    await unready(gateway)
    assert.equal(await echo('during'), 'during')
    const lasted = (await closed) - began
    assert.ok(lasted >= 600, `closed after ${lasted} ms, before the door`) // a fifth of grace
    const { code, took } = await ended
    assert.equal(code, 0)
    assert.ok(took < 600 + SLACK, `took ${took} ms`)
    assert.equal(gateway.errors(), '')
  })
})
