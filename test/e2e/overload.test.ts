/**
 * Overload: what is more than the gateway takes on is refused at once, the rest is served, and probes go on.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { afterEach, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'

import { outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { eventually, signal } from '../support/processes.ts'
import { connectRaw, exchange, type RawClient } from '../support/raw-client.ts'
import { startUpstream, type UpstreamConnection } from '../support/upstream.ts'

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** An upstream that answers at once, but for `/held`, which waits for `release`. */
async function startHolding() {
  const held: UpstreamConnection[] = []
  const upstream = await startUpstream((asked, connection) => {
    if (asked.target === '/held') held.push(connection)
    else connection.socket.write(OK)
  })
  const release = () => {
    for (const { socket } of held.splice(0)) socket.write(OK)
  }
  return { ...upstream, held, release, end: () => upstream.close() }
}

type Holding = Awaited<ReturnType<typeof startHolding>>

const file = (upstream: Holding, overload: string) => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
overload: ${overload}
upstreams: { service: "${upstream.url}" }
routes:
  - { path: /held, public: true, upstream: service }
  - { path: /quick, public: true, upstream: service }
`

const OVERLOADED = '503 overloaded'

const state = (msg: string, reason: string) => (line: Readonly<Record<string, unknown>>) =>
  line['msg'] === msg && line['reason'] === reason

const refusedFor = (reason: string) => (line: Readonly<Record<string, unknown>>) =>
  line['outcome'] === 'overloaded' && line['note'] === reason

suite('overload', () => {
  const keep = keeper()
  let upstream: Holding
  let gateway: TestGateway
  const open: RawClient[] = []

  before(async () => {
    upstream = keep(await startHolding())
    gateway = keep(await serve(file(upstream, '{}'), { flags: ['--max-old-space-size=64'] }))
  })
  afterEach(async () => {
    for (const client of open.splice(0)) client.destroy()
    upstream.held.length = 0
    await eventually('an end of all requests', async () => (await metric('requests_in_flight')) === 0)
  })

  async function metric(name: string): Promise<number> {
    const [, value] = new RegExp(`^heimdall_${name} (\\S+)$`, 'm').exec(await gateway.metrics()) ?? []
    return Number(value)
  }

  /** Puts other limits in force, with so many requests in flight; the next sample follows them. */
  async function limit(in_flight: number, others = ''): Promise<void> {
    gateway.rewrite(file(upstream, `{ in_flight: ${in_flight}${others} }`))
    await eventually('the new limits', async () => (await metric('requests_in_flight_allowed')) === in_flight)
  }

  async function connect(): Promise<RawClient> {
    const client = await connectRaw(gateway.port)
    open.push(client)
    return client
  }

  /** Requests that are being answered, one connection each. */
  async function hold(count: number): Promise<RawClient[]> {
    const before = upstream.held.length
    const clients = await Promise.all(Array.from({ length: count }, connect))
    for (const client of clients) client.send(get('/held'))
    await eventually(`${count} requests in flight`, () => upstream.held.length === before + count)
    return clients
  }

  const ask = () => exchange(gateway.port, get('/quick'))
  const outcome = async () => outcomeOf(await ask())

  async function probe(path: string) {
    const { statusCode, body } = await request(gateway.probes + path)
    return { status: statusCode, text: await body.text() }
  }

  test('requests in flight above the limit are refused at once, and let in again when there is room', async () => {
    await limit(4)
    const clients = await hold(4)
    const before = upstream.requests.length
    const refused = await ask()
    assert.equal(outcomeOf(refused), OVERLOADED)
    assert.equal(refused.header('retry-after'), '1')
    assert.equal(refused.header('cache-control'), 'no-store')
    assert.equal(refused.header('connection'), 'keep-alive', 'a new connection would cost more than this one')
    assert.equal(upstream.requests.length, before, 'it did not go upstream')
    await gateway.line(refusedFor('in_flight'))
    await gateway.line(state('overload begins', 'in_flight'))

    assert.equal((await probe('/livez')).status, 200)
    const ready = await probe('/readyz')
    assert.equal(ready.status, 200, 'to be taken out of the balancer would push the next one over')
    assert.match(ready.text, /"overload":\{"status":"degraded","reasons":"in_flight"\}/)
    assert.match(await gateway.metrics(), /^heimdall_overload_shed_total\{reason="in_flight"\} 1$/m)
    assert.match(await gateway.metrics(), /^heimdall_overload_state\{reason="in_flight"\} 1$/m)

    upstream.release()
    for (const client of clients) assert.equal((await client.response()).text, 'ok')
    assert.equal(await outcome(), '200')
    await gateway.line(state('overload ends', 'in_flight'))
  })

  test('requests above the limit are refused with their body, and as WebSocket handshakes', async () => {
    await limit(1)
    await hold(1)
    const before = upstream.requests.length
    const requests = [
      'POST /quick HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n',
      'POST /quick HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody',
      'POST /quick HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n',
      'GET /quick HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    ]
    for (const text of requests) {
      const client = await connect()
      client.send(text)
      assert.equal(outcomeOf(await client.response()), OVERLOADED)
      client.destroy()
    }
    assert.equal(upstream.requests.length, before)
  })

  test('limits follow the file when it changes', async () => {
    await limit(1)
    await hold(1)
    assert.equal(await outcome(), OVERLOADED)
    await limit(2)
    assert.equal(await outcome(), '200')
  })

  test('connections above the limit are told so and closed, and let in again when there is room', async () => {
    await limit(101, ', connections: 2')
    const first = await connect()
    const second = await connect()
    for (const client of [first, second]) {
      client.send(get('/quick'))
      assert.equal((await client.response()).text, 'ok')
    }

    const third = await connect()
    third.send(get('/quick'))
    const refused = await third.response()
    assert.equal(outcomeOf(refused), OVERLOADED)
    assert.deepEqual([refused.header('retry-after'), refused.header('connection')], ['1', 'close'])
    await third.closed()
    await gateway.line(refusedFor('connections'))
    await gateway.line(state('overload begins', 'connections'))

    first.send(get('/quick'))
    assert.equal((await first.response()).text, 'ok', 'open connections go on')
    second.destroy()
    await eventually('room for another', async () => (await outcome()) === '200')
    await gateway.line(state('overload ends', 'connections'))
  })

  test('full memory leaves eight requests at once, closes idle connections, and keeps none alive', async () => {
    await limit(102)
    const idle = await connect()
    idle.send(get('/quick'))
    assert.equal((await idle.response()).header('connection'), 'keep-alive')

    gateway.rewrite(file(upstream, '{ memory: 15% }')) // less than it needs to stand still
    await gateway.line(state('overload begins', 'memory'))
    await idle.closed()
    await hold(8)
    const refused = await ask()
    assert.equal(outcomeOf(refused), OVERLOADED)
    assert.equal(refused.header('connection'), 'close')
    await gateway.line(refusedFor('memory'))
    assert.equal((await probe('/livez')).status, 200)

    await limit(103, ', memory: 90%')
    await gateway.line(state('overload ends', 'memory'))
    assert.equal(await outcome(), '200')
  })

  test('an event loop that is late again and again leaves half of the requests in flight, and all when it keeps up', async () => {
    await limit(104, ', delay: 50ms')
    await hold(20)
    const isLate = () => gateway.lines.some(state('overload begins', 'delay'))
    for (let turn = 0; turn < 30 && !isLate(); turn += 1) {
      signal(gateway.pid, 'SIGSTOP')
      await sleep(200)
      signal(gateway.pid, 'SIGCONT')
      await sleep(60)
    }
    assert.ok(isLate(), 'it was late often enough')
    assert.equal(await outcome(), OVERLOADED)
    await gateway.line(refusedFor('delay'))
    assert.equal((await probe('/livez')).status, 200)

    await gateway.line(state('overload ends', 'delay'), 15_000)
    assert.equal(await outcome(), '200')
  })

  test('an event loop that is late once is no reason to refuse anything', async () => {
    await limit(105, ', delay: 100ms')
    await hold(20)
    signal(gateway.pid, 'SIGSTOP')
    const answers = Array.from({ length: 50 }, () => ask())
    await sleep(500)
    signal(gateway.pid, 'SIGCONT')
    assert.deepEqual(new Set((await Promise.all(answers)).map(outcomeOf)), new Set(['200']))
  })
})
