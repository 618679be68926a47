import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'

import { createHttpServer, type Handlers, type HttpServer, type ServerOptions } from '#http/server.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { connectRaw, exchange } from '../support/raw-client.ts'
import { until } from '../support/wire.ts'

const metrics = createMetrics()
const started: HttpServer[] = []
after(async () => {
  for (const server of started) {
    server.cut()
    await server.stop()
  }
})

/** A server on a free port; the handler says who called. */
async function serve(handlers: Partial<Handlers> = {}, options: Partial<ServerOptions> = {}) {
  const request: Handlers['request'] = (_, response) => void response.end('ok')
  const server = createHttpServer({ log: silent, metrics, ...options }, { request, ...handlers })
  started.push(server)
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  return { server, port }
}

const get = (path = '/', ...lines: string[]) => [`GET ${path} HTTP/1.1`, 'Host: a.test', ...lines, '', ''].join('\r\n')

const counted = async (outcome: string) =>
  (await metrics.malformed.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0

suite('an HTTP server', () => {
  test('answers several requests on one connection', async () => {
    const { port } = await serve()
    const client = await connectRaw(port)
    for (let index = 0; index < 3; index += 1) {
      client.send(get())
      const response = await client.response()
      assert.equal(response.text, 'ok')
      assert.equal(response.header('connection'), 'keep-alive')
    }
    client.destroy()
  })

  test('says which port it found when it was asked for any', async () => {
    const server = createHttpServer({ log: silent, metrics }, { request() {} })
    started.push(server)
    const address = await server.listen({ host: '127.0.0.1', port: 0 })
    assert.equal(address.host, '127.0.0.1')
    assert.ok(address.port > 0)
  })

  test('says clearly that a port is taken', async () => {
    const { port } = await serve()
    await assert.rejects(
      serve({}, {}).then(() =>
        createHttpServer({ log: silent, metrics }, { request() {} }).listen({ host: '127.0.0.1', port }),
      ),
      {
        message: `cannot listen on 127.0.0.1:${port}: the port is taken (EADDRINUSE)`,
      },
    )
  })

  test('says clearly that an address is not ours', async () => {
    const server = createHttpServer({ log: silent, metrics }, { request() {} })
    await assert.rejects(
      server.listen({ host: '192.0.2.1', port: 0 }),
      /192\.0\.2\.1:0: the address is not one of this machine/,
    )
  })

  test('hands over requests without a Host and with a hundred odd headers as they came', async () => {
    let seen: string[] = []
    const { port } = await serve({
      request(request, response) {
        seen = request.rawHeaders
        response.end()
      },
    })
    const odd = Array.from({ length: 500 }, (_, index) => `${index}: x`)
    await exchange(port, ['GET / HTTP/1.1', '__proto__: x', 'constructor: y', ...odd, '', ''].join('\r\n'))
    assert.deepEqual(seen.slice(0, 4), ['__proto__', 'x', 'constructor', 'y'])
    assert.equal(seen.length, 2 * 502)
  })

  test('tells its handler of connections above its maximum, and ends them with the answer', async () => {
    const request: Handlers['request'] = (_, response, _expects, surplus) => void response.end(surplus ? 'no' : 'yes')
    const { port } = await serve({ request }, { maxConnections: 1 })
    const first = await connectRaw(port)
    first.send(get())
    assert.equal((await first.response()).text, 'yes')
    const second = await connectRaw(port)
    second.send(get())
    const refusal = await second.response()
    assert.deepEqual([refusal.text, refusal.header('connection')], ['no', 'close'])
    await second.closed()
    first.send(get())
    assert.equal((await first.response()).text, 'yes', 'the first is not disturbed')
    first.destroy()
  })

  test('lets no connection above its maximum wait for longer than a second', async () => {
    const { port } = await serve({}, { maxConnections: 1 })
    const [first, silent] = [await connectRaw(port), await connectRaw(port)]
    await silent.closed(3000)
    assert.equal(first.ended(), undefined)
    first.destroy()
  })

  test('lets a connection in as soon as there is room, whoever waits to be told that there is none', async () => {
    const request: Handlers['request'] = (_, response, _expects, surplus) => void response.end(surplus ? 'no' : 'yes')
    const { port, server } = await serve({ request }, { maxConnections: 1 })
    const first = await connectRaw(port)
    const waiting = await connectRaw(port)
    await until(() => server.connections === 2, 'both connections')
    first.destroy()
    await until(() => server.connections === 1, 'the end of the first')
    const second = await connectRaw(port)
    second.send(get())
    assert.equal((await second.response()).text, 'yes')
    for (const client of [waiting, second]) client.destroy()
  })

  test('closes connections far above its maximum at once, and counts them', async () => {
    const { port } = await serve({}, { maxConnections: 1 })
    const clients = await Promise.all(Array.from({ length: 140 }, () => connectRaw(port)))
    await until(
      () => clients.filter((client) => client.ended() !== undefined).length >= 11,
      '11 closed connections',
      900,
    )
    const dropped = async () => (await metrics.connectionsRefused.get()).values[0]?.value ?? 0
    assert.equal(await dropped(), 140 - 1 - 128)
    for (const client of clients) client.destroy()
  })

  test('takes other limits while it runs', async () => {
    const { port, server } = await serve({}, { maxConnections: 1 })
    server.limit({ connections: 2, keepAlive: false })
    const clients = [await connectRaw(port), await connectRaw(port)]
    for (const client of clients) {
      client.send(get())
      assert.equal((await client.response()).header('connection'), 'close')
    }
  })

  test('cuts idle connections when told, and no others', async () => {
    const answers: (() => void)[] = []
    const request: Handlers['request'] = (_, response) => void answers.push(() => response.end('late'))
    const { port, server } = await serve({ request })
    const [busy, idle] = [await connectRaw(port), await connectRaw(port)]
    busy.send(get())
    await until(() => answers.length === 1, 'the request')
    server.cutIdle()
    await idle.closed()
    answers[0]?.()
    assert.equal((await busy.response()).text, 'late')
    busy.destroy()
  })

  test('cuts the youngest connections when told', async () => {
    const { port, server } = await serve()
    const clients = []
    for (let index = 0; index < 8; index += 1) {
      clients.push(await connectRaw(port))
      await until(() => server.connections === index + 1, 'the connection')
    }
    server.cutYoungest(1 / 8)
    assert.equal(await clients[7]?.closed(), 'reset', 'nothing is kept for it in the buffers of the system')
    assert.deepEqual(
      clients.map((client) => client.ended() === undefined),
      [true, true, true, true, true, true, true, false],
    )
    for (const client of clients) client.destroy()
  })
})

suite('a handler that fails', () => {
  const logged: unknown[] = []
  const log = { ...silent, error: (fields: unknown) => void logged.push(fields) }
  const failures: Record<string, Handlers['request']> = {
    throws() {
      throw new Error('secret detail')
    },
    async rejects() {
      throw new Error('secret detail')
    },
  }

  for (const [how, request] of Object.entries(failures)) {
    test(`is answered with a 500 that tells nothing when it ${how}`, async () => {
      logged.length = 0
      const { port } = await serve({ request }, { log })
      const response = await exchange(port, get())
      assert.equal(response.status, 500)
      assert.equal(JSON.parse(response.text).code, 'internal_error')
      assert.doesNotMatch(response.text, /secret/)
      assert.equal(logged.length, 1)
    })
  }

  test('breaks the connection off when its answer had begun', async () => {
    const request: Handlers['request'] = (_, response) => {
      response.writeHead(200, { 'Content-Length': 100 }).write('half')
      throw new Error('defect')
    }
    const { port } = await serve({ request }, { log })
    await assert.rejects(exchange(port, get()), /truncated/)
    assert.equal(await exchange(port, get()).catch(() => undefined), undefined)
  })

  test('does not end the process by writing to an answer that is over', async () => {
    const { port } = await serve({
      request(_, response) {
        response.end('done')
        response.write('more')
      },
    })
    assert.equal((await exchange(port, get())).text, 'done')
    assert.equal((await exchange(port, get())).text, 'done')
  })
})

suite('a server that stops', () => {
  test('does not wait for connections that never asked for anything', async () => {
    const { port, server } = await serve()
    const [silent, halfway] = [await connectRaw(port), await connectRaw(port)]
    halfway.send('GET / HT')
    const begun = performance.now()
    await server.stop()
    assert.ok(performance.now() - begun < 2500)
    await Promise.all([silent.closed(), halfway.closed()])
  })

  test('stops twice without harm', async () => {
    const { server } = await serve()
    await Promise.all([server.stop(), server.stop()])
    await server.stop()
  })
})

suite('what the parser refuses', () => {
  const cases: [string, string, number, string][] = [
    [
      'both Content-Length and Transfer-Encoding',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
      'request_malformed',
    ],
    ['a bare line feed', 'GET / HTTP/1.1\nHost: a\n\n', 400, 'request_malformed'],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'request_malformed'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'request_malformed'],
    ['TLS on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'request_malformed'],
    [
      'a head of more than 16 kB',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['CONNECT', 'CONNECT up.test:80 HTTP/1.1\r\nHost: up.test:80\r\n\r\n', 405, 'method_not_allowed'],
  ]
  for (const [what, bytes, status, code] of cases) {
    test(`is answered with a problem and the end of the connection: ${what}`, async () => {
      const { port } = await serve()
      const before = await counted(code)
      const client = await connectRaw(port)
      client.send(bytes)
      const response = await client.response()
      assert.equal(response.status, status)
      assert.equal(response.header('content-type'), 'application/problem+json')
      assert.equal(response.header('connection'), 'close')
      assert.equal(response.header('cache-control'), 'no-store')
      assert.equal(JSON.parse(response.text).code, code)
      await client.closed()
      assert.equal(await counted(code), before + 1)
    })
  }

  test('ends in a 408 when the head takes too long, on a silent connection too', async () => {
    const { port } = await serve({}, { headersTimeout: 300 })
    const [drip, silence] = [await connectRaw(port), await connectRaw(port)]
    drip.send('GET / HTTP/1.1\r\nHost:')
    for (const client of [drip, silence]) {
      const response = await client.response()
      assert.equal(response.status, 408)
      assert.equal(JSON.parse(response.text).code, 'request_timeout')
      await client.closed()
    }
  })

  test('does not cut a slow upload: its deadline is the route’s', async () => {
    const { port } = await serve(
      {
        async request(request, response) {
          let size = 0
          for await (const chunk of request) size += (chunk as Buffer).length
          response.end(String(size))
        },
      },
      { headersTimeout: 300 },
    )
    const client = await connectRaw(port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
    const drip = setInterval(() => client.send('x'), 500)
    const response = await client.response({ deadline: 6000 })
    clearInterval(drip)
    assert.equal(response.text, '5')
    client.destroy()
  })

  test('is never written into an answer that has begun', async () => {
    const { port } = await serve({
      request: (_, response) => void response.writeHead(200, { 'Content-Length': 10 }).write('12345'),
    })
    const client = await connectRaw(port)
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`)
    await client.until('12345')
    client.send('no chunk size\r\n')
    await client.closed()
    assert.match(client.pending().toString(), /12345$/)
  })

  test('answers a broken body before the handler has', async () => {
    const { port } = await serve({ request: () => undefined })
    const client = await connectRaw(port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')
    assert.equal((await client.response()).status, 400)
    await client.closed()
  })

  test('bounds how many requests one connection may have in hand', async () => {
    let begun = 0
    const { port } = await serve({
      request() {
        begun += 1
      },
    })
    const client = await connectRaw(port)
    client.send(get().repeat(500))
    await client.closed()
    assert.ok(begun <= 64, `${begun} requests begun`)
  })
})

suite('Expect', () => {
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: '

  test('tells the handler that the client waits, and leaves the word to it', async () => {
    const { port } = await serve({
      async request(request, response, expects) {
        assert.equal(expects, true)
        response.writeContinue()
        for await (const _ of request);
        response.end('got it')
      },
    })
    const client = await connectRaw(port)
    client.send(`${post}100-continue\r\n\r\n`)
    assert.equal((await client.response()).status, 100)
    client.send('ab')
    assert.equal((await client.response()).text, 'got it')
    client.destroy()
  })

  test('is refused with 417 when it asks for anything else', async () => {
    const { port } = await serve()
    const response = await exchange(port, `${post}a-miracle\r\n\r\nab`)
    assert.equal(response.status, 417)
    assert.equal(JSON.parse(response.text).code, 'expectation_failed')
    assert.equal(await counted('expectation_failed'), 1)
  })
})

suite('Upgrade', () => {
  const upgrade = (protocol: string) => get('/', 'Connection: Upgrade', `Upgrade: ${protocol}`)

  test('to websocket goes to its own handler', async () => {
    const { port } = await serve({
      upgrade: (request, socket) => void socket.end(`HTTP/1.1 101 Yes\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`),
    })
    for (const spelling of ['websocket', 'WebSocket']) {
      const client = await connectRaw(port)
      client.send(upgrade(spelling))
      assert.equal((await client.response()).header('upgrade'), spelling)
      client.destroy()
    }
  })

  test('to anything else is an ordinary request', async () => {
    const { port } = await serve({ upgrade: (_, socket) => void socket.destroy() })
    for (const protocol of ['h2c', 'TLS/1.0', 'websocket, h2c', 'websockets']) {
      assert.equal((await exchange(port, upgrade(protocol))).text, 'ok')
    }
  })

  test('to websocket is an ordinary request where nobody upgrades', async () => {
    const { port } = await serve()
    assert.equal((await exchange(port, upgrade('websocket'))).text, 'ok')
  })

  test('ends in a 500 when its handler fails, and a reset tunnel does not end the process', async () => {
    let fail = true
    const { port } = await serve({
      async upgrade(_, socket) {
        if (fail) throw new Error('defect')
        socket.write('HTTP/1.1 101 Yes\r\n\r\n')
      },
    })
    assert.equal((await exchange(port, upgrade('websocket'))).status, 500)
    fail = false
    const client = await connectRaw(port)
    client.send(upgrade('websocket'))
    await client.response()
    client.reset()
    assert.equal((await exchange(port, get())).text, 'ok')
  })

  test('may fail after the client has left', async () => {
    let failed = false
    const { port } = await serve({
      async upgrade(_, socket) {
        await new Promise((resolve) => socket.once('close', resolve))
        failed = true
        throw new Error('defect')
      },
    })
    const client = await connectRaw(port)
    client.send(upgrade('websocket'))
    client.reset()
    await until(() => failed, 'the failure')
    assert.equal((await exchange(port, get())).text, 'ok')
  })

  test('leaves the tunnel within reach of a cut', async () => {
    const { port, server } = await serve({ upgrade: (_, socket) => void socket.write('HTTP/1.1 101 Yes\r\n\r\n') })
    const client = await connectRaw(port)
    client.send(upgrade('websocket'))
    await client.response()
    let stopped = false
    const stopping = server.stop().then(() => (stopped = true))
    assert.equal(stopped, false)
    server.cut()
    await stopping
    await client.closed()
    await until(() => client.ended() !== undefined, 'the end of the tunnel')
  })
})
