import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'

import type { Principal } from '#request/principal.ts'

import { fixed, never, raw } from '../support/answers.ts'
import { startForwarder, type Forwarder, type ForwarderOptions } from '../support/forwarder.ts'
import { connectRaw, type RawClient } from '../support/raw-client.ts'
import { startUpstream, type Answer, type Upstream } from '../support/upstream.ts'
import { standsStill, until } from '../support/wire.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

const hello = (changes: Record<string, string | undefined> = {}, target = '/ws?x=1') => {
  const headers = {
    Host: 'shop.test',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    ...changes,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return [`GET ${target} HTTP/1.1`, ...lines, '', ''].join('\r\n')
}

/** A 101 that fits `KEY`, then `first` bytes. */
const accepting = (lines: readonly string[] = [], first = ''): Answer =>
  raw(
    [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Sec-WebSocket-Accept: ${ACCEPT}`,
      ...lines,
      '',
      first,
    ].join('\r\n'),
  )

let upstream: Upstream
let gateway: Forwarder

before(async () => {
  upstream = await startUpstream(never)
  gateway = await startForwarder({ upstream: upstream.url })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

/** Sends a handshake and gives the client and the upstream's connection of it. */
async function shake(answer: Answer, bytes = hello(), port = gateway.port) {
  upstream.answer = answer
  const index = upstream.connections.length
  const client = await connectRaw(port)
  client.send(bytes)
  return { client, connection: () => upstream.connections[index] }
}

async function count(metric: 'tunnels' | 'tunnelsClosed', from: Forwarder): Promise<number> {
  const { values } = await from.metrics[metric].get()
  return values.reduce((sum, { value }) => sum + value, 0)
}

async function withGateway(options: Partial<ForwarderOptions>, use: (own: Forwarder) => Promise<void>) {
  const own = await startForwarder({ upstream: upstream.url, ...options })
  try {
    await use(own)
  } finally {
    await own.close()
  }
}

/** The upstream's head of the last handshake. */
const head = () => upstream.requests.at(-1)?.head ?? ''

suite('upgrade', () => {
  test('carries WebSocket messages of all sizes both ways', async () => {
    const server = createServer()
    const sockets = new WebSocketServer({ server, perMessageDeflate: true })
    sockets.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const own = await startForwarder({ upstream: `http://127.0.0.1:${port}` })
    const socket = new WebSocket(`ws://127.0.0.1:${own.port}/chat`, ['chat'])
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    for (const size of [0, 1, 125, 70_000, 3_000_000]) {
      const message = Buffer.alloc(size, 'x')
      const echoed = new Promise<Buffer>((resolve) => socket.once('message', (data: Buffer) => resolve(data)))
      socket.send(message)
      assert.ok((await echoed).equals(message))
    }
    assert.equal(await count('tunnels', own), 1)
    socket.close(1000)
    await until(() => own.outcomes.length === 1, 'the end of the tunnel')
    assert.equal(own.outcomes[0]?.status, 101)
    assert.equal(await count('tunnels', own), 0)
    await own.close()
    server.closeAllConnections()
    server.close()
  })

  test('sends a request of our own making, byte for byte in its target', async () => {
    const { client } = await shake(
      accepting(),
      hello(
        { 'Sec-WebSocket-Protocol': 'chat', 'X-A': '1', 'X-B': '2', Connection: 'Upgrade, X-A' },
        '/a;b/%7e|?q=%2F?',
      ),
    )
    assert.equal((await client.response()).status, 101)
    client.destroy()
    const request = upstream.requests.at(-1)
    assert.equal(request?.line, 'GET /a;b/%7e|?q=%2F? HTTP/1.1')
    assert.deepEqual(request?.all('connection'), ['Upgrade'])
    assert.deepEqual(request?.all('upgrade'), ['websocket'])
    assert.deepEqual(request?.all('host'), ['shop.test'])
    assert.deepEqual(request?.all('sec-websocket-protocol'), ['chat'])
    assert.equal(request?.header('x-a'), undefined, 'named by Connection')
    assert.equal(request?.header('x-b'), '2')
    assert.equal(request?.header('content-length'), undefined)
    assert.equal(request?.header('transfer-encoding'), undefined)
  })

  test('strips managed and hop-by-hop names from the 101 and keeps what was negotiated', async () => {
    const { client } = await shake(
      accepting([
        'Sec-WebSocket-Protocol: chat',
        'Sec-WebSocket-Extensions: permessage-deflate',
        'Set-Cookie: a=1',
        'Set-Cookie: b=2',
        'X-Heimdall-Subject: forged',
        'Keep-Alive: timeout=5',
        'Content-Length: 0',
      ]),
    )
    const answer = await client.response()
    client.destroy()
    assert.deepEqual(answer.all('upgrade'), ['websocket'])
    assert.deepEqual(answer.all('connection'), ['Upgrade'])
    assert.deepEqual(answer.all('set-cookie'), ['a=1', 'b=2'])
    assert.equal(answer.header('sec-websocket-accept'), ACCEPT)
    assert.equal(answer.header('sec-websocket-protocol'), 'chat')
    assert.equal(answer.header('sec-websocket-extensions'), 'permessage-deflate')
    for (const name of ['x-heimdall-subject', 'keep-alive', 'content-length'])
      assert.equal(answer.header(name), undefined)
  })

  test('adds the headers of the plan to the 101', async () => {
    await withGateway({ plan: { responseHeaders: ['X-Request-Id', 'r1', 'Vary', 'Origin'] } }, async (own) => {
      const { client } = await shake(accepting(['Vary: Accept']), hello(), own.port)
      const answer = await client.response()
      client.destroy()
      assert.deepEqual(answer.all('x-request-id'), ['r1'])
      assert.deepEqual(answer.all('vary'), ['Accept', 'Origin'])
    })
  })

  test('finds its target by the name that requests find it by', async () => {
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
    await withGateway({ upstream: `http://service.test:${upstream.port}`, names: { resolve } }, async (own) => {
      const { client } = await shake(accepting(), hello(), own.port)
      assert.equal((await client.response()).status, 101)
      client.destroy()
    })
  })

  test('carries the first bytes that come along with the 101', async () => {
    const { client } = await shake(accepting([], '\r\n\x81\x02hi'))
    assert.equal((await client.response()).status, 101)
    await client.until('\x81\x02hi')
    client.destroy()
  })
})

suite('upgrade, refusals', () => {
  const refused = async (bytes: string) => {
    const before = upstream.connections.length
    const { client } = await shake(accepting(), bytes)
    const answer = await client.response()
    assert.equal(upstream.connections.length, before, 'nothing reaches the upstream')
    assert.equal(answer.header('sec-websocket-version'), '13')
    assert.equal(await client.closed(), 'end')
    client.destroy()
    return `${answer.status} ${answer.header('x-code')}`
  }
  const wrong: Record<string, Record<string, string | undefined>> = {
    h2c: { Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' },
    'several protocols': { Upgrade: 'websocket, h2c' },
    'an old version': { 'Sec-WebSocket-Version': '8' },
    'no version': { 'Sec-WebSocket-Version': undefined },
    'no key': { 'Sec-WebSocket-Key': undefined },
    'a short key': { 'Sec-WebSocket-Key': 'c2hvcnQ=' },
    'a body': { 'Content-Length': '31' },
    chunks: { 'Transfer-Encoding': 'chunked' },
  }
  for (const [name, changes] of Object.entries(wrong)) {
    test(`refuses ${name}`, async () => {
      assert.equal(await refused(hello(changes)), '400 upgrade_invalid')
    })
  }

  test('refuses another method than GET', async () => {
    assert.equal(await refused(hello().replace('GET', 'POST')), '400 upgrade_invalid')
  })

  test('refuses a hidden request behind the head, whatever the framing says', async () => {
    const hidden = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'
    assert.equal(await refused(hello({ 'Content-Length': String(hidden.length) }) + hidden), '400 upgrade_invalid')
    assert.equal(await refused(hello() + hidden), '400 upgrade_invalid')
  })

  test('gives up when bytes come before the 101', async () => {
    const { client, connection } = await shake(never)
    await until(() => connection()?.requests.length === 1, 'the handshake')
    client.send('GET /admin HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.equal((await client.response()).header('x-code'), 'upgrade_invalid')
    await until(() => connection()?.closedAt !== undefined, 'the upstream to be closed')
    assert.equal(connection()?.received.includes('/admin'), false)
    client.destroy()
  })

  test('asks a second target when the first cannot be reached, and no third', async () => {
    const [gone, other] = ['http://127.0.0.1:1', 'http://127.0.0.1:2']
    await withGateway({ upstream: { targets: [gone, upstream.url] } }, async (own) => {
      for (let turn = 0; turn < 2; turn += 1) {
        const { client } = await shake(accepting(), hello(), own.port)
        assert.equal((await client.response()).status, 101)
        client.destroy()
      }
      const { values } = await own.metrics.upstreamRetries.get()
      assert.equal(values[0]?.value, 1)
    })
    await withGateway({ upstream: { targets: [gone, other] } }, async (own) => {
      const { client } = await shake(accepting(), hello(), own.port)
      assert.equal((await client.response()).header('x-code'), 'upstream_unreachable')
      client.destroy()
    })
  })

  for (const [name, answer] of Object.entries({
    'for another key': raw(
      `HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: bm8=\r\n\r\n`,
    ),
    'without a key': raw('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
    'to another protocol': raw(
      `HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
    ),
    'without Upgrade': raw(`HTTP/1.1 101 S\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`),
  })) {
    test(`opens no tunnel on a 101 ${name}`, async () => {
      await withGateway({}, async (own) => {
        const { client, connection } = await shake(answer, hello(), own.port)
        assert.equal((await client.response()).header('x-code'), 'upstream_failed')
        await until(() => connection()?.closedAt !== undefined, 'the upstream to be closed')
        client.destroy()
      })
    })
  }

  test('passes another answer on as a response and closes both connections', async () => {
    const { client, connection } = await shake(
      fixed(403, 'not you', ['X-Heimdall-Roles: x', 'Set-Cookie: a=1', 'Set-Cookie: b=2']),
    )
    const answer = await client.response()
    assert.equal(answer.status, 403)
    assert.equal(answer.text, 'not you')
    assert.deepEqual(answer.all('set-cookie'), ['a=1', 'b=2'])
    assert.equal(answer.header('connection'), 'close')
    assert.equal(answer.header('upgrade'), undefined)
    assert.equal(answer.header('x-heimdall-roles'), undefined)
    client.send('GET /admin HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.closed()
    await until(() => connection()?.closedAt !== undefined, 'the upstream to be closed')
    assert.equal(connection()?.requests.length, 1)
    client.destroy()
  })

  test('passes a long answer on no faster than the client reads', async () => {
    let sent = 0
    const { client, connection } = await shake(async (request, { socket }) => {
      await request.whole
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`)
      const more = () => {
        while (sent < 64 && !socket.destroyed) {
          sent += 1
          if (socket.write(Buffer.alloc(1024 * 1024))) continue
          socket.once('drain', more)
          break
        }
      }
      more()
    })
    client.socket.pause()
    await until(() => sent > 0, 'the answer to begin')
    await standsStill(() => sent, 'the upstream')
    assert.ok(sent < 32, `${sent} MiB went out to a client that reads nothing`)
    client.destroy()
    await until(() => connection()?.closedAt !== undefined, 'the upstream to be closed')
  })

  for (const type of ['text/plain', 'text/event-stream'])
    test(`lets go of both ends when the client takes nothing of another answer of ${type}`, async () => {
      const options = { upstream: { targets: [upstream.url], timeout: { idle: '300ms' } } }
      await withGateway(options, async (own) => {
        const flood: Answer = (_, { socket }) => {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n\r\n`)
          socket.write(Buffer.alloc(32 * 1024 * 1024, 'x'))
        }
        const { client, connection } = await shake(flood, hello(), own.port)
        client.socket.pause()
        await until(() => own.outcomes.length > 0, 'the outcome')
        assert.equal(own.outcomes[0]?.denial?.code, 'client_closed')
        await until(() => connection()?.closedAt !== undefined, 'the upstream to be closed')
        client.socket.resume()
        assert.equal(await client.closed(), 'reset', 'nothing is kept for it in the buffers of the system')
      })
    })

  test('breaks the connection when another answer breaks off', async () => {
    const { client } = await shake(raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npartial', 'end'))
    await assert.rejects(client.response(), /truncated/)
  })

  test('answers 502 when nobody listens and 504 when nobody answers', async () => {
    await withGateway({ upstream: 'http://127.0.0.1:1' }, async (dead) => {
      const client = await connectRaw(dead.port)
      client.send(hello())
      assert.equal((await client.response()).header('x-code'), 'upstream_unreachable')
      client.destroy()
    })
    await withGateway({ upstream: { targets: [upstream.url], timeout: { headers: '100ms' } } }, async (slow) => {
      const { client, connection } = await shake(never, hello(), slow.port)
      const began = performance.now()
      assert.equal((await client.response()).header('x-code'), 'upstream_timeout')
      assert.ok(performance.now() - began < 400)
      await until(() => connection()?.closedAt !== undefined, 'the upstream to be closed')
      client.destroy()
    })
  })
})

suite('upgrade, ends', () => {
  const opened = async (
    own: Forwarder,
  ): Promise<{ client: RawClient; connection: () => Upstream['connections'][0] | undefined }> => {
    const { client, connection } = await shake(accepting(), hello(), own.port)
    assert.equal((await client.response()).status, 101)
    return { client, connection }
  }
  const reason = async (own: Forwarder) =>
    (await own.metrics.tunnelsClosed.get()).values.map(({ labels }) => labels.reason)
  const alice = { issuer: 'i', subject: 'alice' } as Principal

  test('closes with the credential', async () => {
    await withGateway({ principal: { ...alice, expires_at: Date.now() + 150 } }, async (own) => {
      const { client, connection } = await opened(own)
      const began = performance.now()
      await client.closed()
      assert.ok(performance.now() - began < 500)
      await until(() => connection()?.closedAt !== undefined, 'the upstream to be closed')
      assert.deepEqual(await reason(own), ['expired'])
      assert.equal(await count('tunnels', own), 0)
    })
  })

  test('closes all at the end of a drain', async () => {
    await withGateway({}, async (own) => {
      const clients = [await opened(own), await opened(own)]
      assert.equal(own.upstream.backends[0]?.pending, 0, 'open tunnels take no place in the queue')
      own.tunnels.drain()
      for (const { client } of clients) await client.closed()
      assert.deepEqual(await reason(own), ['drain'])
      assert.equal(await count('tunnelsClosed', own), 2)
    })
  })

  test('lets each side end its half for itself', async () => {
    await withGateway({}, async (own) => {
      const { client, connection } = await opened(own)
      const other = connection()
      assert.ok(other)
      other.staysOpen = true
      client.end()
      await until(() => connection()?.socket.readableEnded === true, 'the FIN at the upstream')
      assert.equal(own.outcomes.length, 0)
      connection()?.socket.write('still here')
      await client.until('still here')
      connection()?.socket.end()
      assert.equal(await client.closed(), 'end')
      await until(() => own.outcomes.length === 1, 'the end of the tunnel')
    })
  })

  test('closes the upstream within 200 ms when the client vanishes, and the other way round', async () => {
    await withGateway({}, async (own) => {
      const first = await opened(own)
      first.client.reset()
      const began = performance.now()
      await until(() => first.connection()?.closedAt !== undefined, 'the upstream to be closed')
      assert.ok(performance.now() - began < 200)
      const second = await opened(own)
      second.connection()?.socket.resetAndDestroy()
      await second.client.closed()
      await until(() => own.outcomes.length === 2, 'both ends')
      assert.deepEqual(new Set(await reason(own)), new Set(['client', 'upstream']))
    })
  })

  test('aborts the handshake when the client leaves before its end', async () => {
    await withGateway({}, async (own) => {
      const { client, connection } = await shake(never, hello(), own.port)
      await until(() => connection()?.requests.length === 1, 'the handshake')
      client.destroy()
      await until(() => connection()?.closedAt !== undefined, 'the upstream to be closed')
      assert.equal(own.outcomes[0]?.denial?.code, 'client_closed')
      assert.ok(head().includes(KEY))
    })
  })
})
