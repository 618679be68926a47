import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import { after, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { createDrain, type Drain, type DrainOptions } from '#http/drain.ts'
import { createHttpServer, type Handlers, type HttpServer } from '#http/server.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { connectRaw } from '../support/raw-client.ts'
import { until } from '../support/wire.ts'

const started: HttpServer[] = []
after(async () => {
  for (const server of started) {
    server.cut()
    await server.stop()
  }
})

async function gateway(handlers: Partial<Handlers> = {}, options: Partial<DrainOptions> = {}) {
  const request: Handlers['request'] = (_, response) => void response.end('ok')
  const server = createHttpServer({ log: silent, metrics: createMetrics() }, { request, ...handlers })
  started.push(server)
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const drain = createDrain({ servers: [server], grace: 5000, settle: 100, log: silent, ...options })
  return { drain, port, server }
}

const status = ({ component }: Drain) => component.check()
const line = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

suite('a drain', () => {
  test('is not begun by anything but a signal', async () => {
    const { drain } = await gateway()
    assert.equal(drain.state, 'ready')
    assert.deepEqual(status(drain), { status: 'up', state: 'ready' })
    assert.equal(drain.component.required, true)
  })

  test('fails readiness at once and goes on serving while balancers take notice', async () => {
    const { drain, port } = await gateway({}, { settle: 300 })
    const ending = drain.begin('SIGTERM')
    assert.deepEqual(status(drain), { status: 'down', state: 'draining' })
    const late = await connectRaw(port)
    late.send(line)
    const response = await late.response()
    assert.equal(response.status, 200)
    assert.equal(response.header('connection'), 'close')
    await ending
    assert.deepEqual(status(drain), { status: 'down', state: 'closed' })
    await assert.rejects(connectRaw(port), /ECONNREFUSED/)
  })

  test('ends every kept-alive connection with its next answer, those in flight included', async () => {
    const finish: (() => void)[] = []
    const { drain, port } = await gateway({ request: (_, response) => void finish.push(() => response.end('ok')) })
    const [idle, busy] = [await connectRaw(port), await connectRaw(port)]
    idle.send(line)
    await until(() => finish.length === 1, 'the first request')
    finish.shift()?.()
    assert.equal((await idle.response()).header('connection'), 'keep-alive')
    busy.send(line)
    await until(() => finish.length === 1, 'the request in flight')
    const ending = drain.begin('SIGTERM')
    finish.shift()?.()
    const last = await busy.response()
    assert.equal(last.header('connection'), 'close')
    assert.equal(await busy.closed(), 'end')
    assert.equal(await idle.closed(), 'end')
    await ending
  })

  test('waits for what is in flight, and tells owners of tunnels when the door closes', async () => {
    let stops = 0
    let finish: () => void = () => undefined
    const { drain, port } = await gateway(
      { request: (_, response) => void (finish = () => response.end('late')) },
      { settle: 20, onStop: () => (stops += 1) },
    )
    const client = await connectRaw(port)
    client.send(line)
    await sleep(50)
    const ending = drain.begin('SIGTERM')
    await until(() => stops === 1, 'the door to close')
    assert.equal(drain.state, 'draining')
    finish()
    assert.equal((await client.response()).text, 'late')
    await ending
    assert.equal(stops, 1)
  })

  test('cuts what is left when the grace is over', async () => {
    const { drain, port } = await gateway({ request: () => undefined }, { grace: 300, settle: 20 })
    const client = await connectRaw(port)
    client.send(line)
    await sleep(50)
    const begun = performance.now()
    await drain.begin('SIGTERM')
    const took = performance.now() - begun
    assert.ok(took > 250 && took < 800, `${took} ms`)
    await client.closed()
  })

  test('cuts at once on a second signal', async () => {
    const { drain, port } = await gateway({ request: () => undefined }, { grace: 60_000, settle: 10_000 })
    const client = await connectRaw(port)
    client.send(line)
    await sleep(50)
    const begun = performance.now()
    const ending = drain.begin('SIGTERM')
    await Promise.all([ending, drain.begin('SIGINT')])
    assert.ok(performance.now() - begun < 500)
    await client.closed()
  })

  test('cuts open tunnels at the end of the grace', async () => {
    const upgrade: Handlers['upgrade'] = (_, socket) => void socket.write('HTTP/1.1 101 Yes\r\n\r\n')
    const { drain, port } = await gateway({ upgrade }, { grace: 300, settle: 20 })
    const client = await connectRaw(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    await client.response()
    await drain.begin('SIGTERM')
    await client.closed()
  })

  test('costs 20 keep-alive clients under load not one failed request', { timeout: 20_000 }, async () => {
    const { drain, port } = await gateway(
      { request: (_, response) => void setTimeout(() => response.end('ok'), Math.floor(performance.now() % 5)) },
      { settle: 500 },
    )
    const counts = { ok: 0, kept: 0, errors: [] as unknown[] }
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    const load = async () => {
      while (drain.state === 'ready' || counts.ok === 0) {
        await request(port, agent).then(
          (kept) => {
            counts.ok += 1
            if (kept) counts.kept += 1
          },
          (error: unknown) => counts.errors.push(error),
        )
      }
      // The balancer has seen /readyz fail: each client ends the connection it has with one more request.
      await request(port, agent).then(
        () => (counts.ok += 1),
        (error: unknown) => counts.errors.push(error),
      )
    }
    const running = Array.from({ length: 20 }, load)
    await until(() => counts.ok > 500, 'some load')
    await Promise.all([drain.begin('SIGTERM'), ...running])
    agent.destroy()
    assert.deepEqual(counts.errors, [])
    assert.ok(counts.kept > 400, 'the connections were kept before the drain')
  })

  test('ends also when a connection that was cut never tells its end', async () => {
    const lost = { lastAnswers() {}, cut() {}, stop: () => new Promise<void>(() => {}) }
    const drain = createDrain({ servers: [lost], grace: 100, log: silent })
    const began = performance.now()
    await drain.begin('SIGTERM')
    assert.ok(performance.now() - began < 3000)
    assert.equal(drain.state, 'closed')
  })

  test('ends at once when nothing was listening', async () => {
    const server = createHttpServer({ log: silent, metrics: createMetrics() }, { request: () => undefined })
    await createDrain({ servers: [server], grace: 100, log: silent }).begin('SIGTERM')
  })
})

/** One request; tells whether the connection was kept. */
function request(port: number, agent: Agent): Promise<boolean> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.headers.connection === 'keep-alive'))
      response.on('error', reject)
    }).on('error', reject)
  })
}
