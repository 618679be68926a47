/**
 * What a good reverse proxy does to upgrades: the handshake, half-closes in four directions, backpressure, and answers that are no 101.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { bulk, fixed, informational, raw } from '../support/answers.ts'
import { outcomeOf } from '../support/ask.ts'
import { keeper } from '../support/keeper.ts'
import { startPlainProxy, type PlainProxy } from '../support/plain-proxy.ts'
import { connectRaw } from '../support/raw-client.ts'
import { serve } from '../support/gateway.ts'
import { eventually, freePort } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import type { Answer } from '../support/upstream.ts'
import { accept, hello, SWITCHING } from '../support/websocket.ts'
import { standsStill, until } from '../support/wire.ts'

const MiB = 1024 * 1024

suite('a reverse proxy, upgrades', () => {
  const keep = keeper()
  let plain: PlainProxy

  before(async () => {
    plain = await startPlainProxy(keep)
  })

  /** Shakes hands; `connection` is the service's. */
  const shake = async (script: Answer = accept, headers: Readonly<Record<string, string>> = {}) => {
    const met = plain.answering(script)
    const client = await connectRaw(plain.port)
    client.send(hello('/ws', headers))
    const response = await client.response()
    return { client, response, ...met() }
  }
  const open = async () => {
    const shaken = await shake()
    assert.equal(shaken.response.status, 101)
    return shaken
  }

  suite('the handshake', () => {
    test('goes on without the fields of the hop and those that Connection names, and with its own', async () => {
      const { client, request } = await shake(accept, {
        Connection: 'Upgrade, X-One',
        'X-One': '1',
        'Keep-Alive': 'timeout=5',
        TE: 'trailers',
        'Sec-WebSocket-Protocol': 'a, b',
        'Sec-WebSocket-Extensions': 'permessage-deflate',
      })
      client.destroy()
      for (const name of ['x-one', 'keep-alive', 'te']) assert.equal(request.header(name), undefined, name)
      assert.deepEqual([request.all('connection'), request.all('upgrade')], [['Upgrade'], ['websocket']])
      assert.equal(request.header('sec-websocket-protocol'), 'a, b')
      assert.equal(request.header('sec-websocket-extensions'), 'permessage-deflate')
    })

    test('is answered with interim answers in order, then the 101', async () => {
      const client = await connectRaw(plain.port)
      const hint = (link: string) => `HTTP/1.1 103 Early Hints\r\nLink: <${link}>\r\nConnection: X-A\r\nX-A: 1\r\n\r\n`
      plain.answering(informational([hint('/a'), 'HTTP/1.1 100 Continue\r\n\r\n', hint('/b')], accept))
      client.send(hello('/ws'))
      const answers = [await client.response(), await client.response(), await client.response()]
      assert.deepEqual(
        answers.map((answer) => [answer.status, answer.header('link'), answer.header('x-a')]),
        [
          [103, '</a>', undefined],
          [103, '</b>', undefined],
          [101, undefined, undefined],
        ],
      )
      client.destroy()
    })

    test('with dozens of interim answers comes to nothing', async () => {
      const client = await connectRaw(plain.port)
      const met = plain.answering(informational(Array(40).fill('HTTP/1.1 102 Processing\r\n\r\n'), accept))
      client.send(hello('/ws'))
      let last = await client.response()
      while (last.status === 102) last = await client.response()
      assert.equal(outcomeOf(last), '502 upstream_failed')
      await until(() => isOver(met().connection), 'the end at the service')
      client.destroy()
    })

    test('whose service says more than 64 KB in its head comes to nothing', async () => {
      const { client, response } = await shake(
        raw(SWITCHING.replace('\r\n\r\n', `\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`)),
      )
      assert.equal(outcomeOf(response), '502 upstream_failed')
      client.destroy()
    })

    test('is tried at a second target when the first cannot be reached', async () => {
      const gone = await freePort()
      const gateway = keep(
        await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { pair: { targets: ["http://127.0.0.1:${gone}", "${plain.upstream.url}"] } }
routes: [{ path: /ws, public: true, upstream: pair }]
`),
      )
      plain.answering(accept)
      for (let turn = 0; turn < 3; turn += 1) {
        const client = await connectRaw(gateway.port)
        client.send(hello('/ws'))
        assert.equal((await client.response()).status, 101)
        client.destroy()
      }
    })
  })

  suite('half-closes', () => {
    test('client first: the service reads the end and goes on talking, for as long as it likes', async () => {
      const { client, connection } = await open()
      client.send('last')
      client.end()
      await until(() => connection.socket.readableEnded, 'the end at the service')
      assert.ok(connection.received.toString('latin1').endsWith('\r\n\r\nlast'))
      for (const word of ['one', 'two']) {
        connection.socket.write(word)
        await client.until(word)
      }
      connection.socket.end('three')
      assert.equal(await client.closed(), 'end')
      assert.equal(client.pending().toString(), 'onetwothree')
      await until(() => connection.closedAt !== undefined, 'both ends')
    })

    test('service first: the client reads the end and goes on talking, for as long as it likes', async () => {
      const { client, connection } = await open()
      connection.socket.end('last')
      assert.equal(await client.closed(), 'end')
      assert.equal(client.pending().toString(), 'last')
      for (const word of ['one', 'two', 'three']) {
        client.send(word)
        await until(() => connection.received.toString('latin1').endsWith(word), word)
      }
      client.end()
      await until(() => connection.closedAt !== undefined, 'both ends')
      assert.ok(connection.received.toString('latin1').endsWith('onetwothree'))
    })

    for (const first of ['client', 'service'] as const)
      test(`${first} first, a large rest behind it: it arrives whole, also at a slow reader`, async () => {
        const { client, connection } = await open()
        const size = 12 * MiB
        if (first === 'client') {
          client.end()
          await until(() => connection.socket.readableEnded, 'the end at the service')
          client.socket.pause()
          connection.socket.end(Buffer.alloc(size, 'x'))
          await standsStill(() => connection.socket.bytesWritten - connection.socket.writableLength, 'the service')
          client.socket.resume()
          await client.closed(20_000)
          assert.equal(client.pending().length, size)
        } else {
          let got = 0
          connection.socket.on('data', (chunk: Buffer) => (got += chunk.length))
          connection.socket.end()
          await client.closed()
          connection.socket.pause()
          client.socket.end(Buffer.alloc(size, 'x'))
          await standsStill(() => client.socket.bytesWritten - client.socket.writableLength, 'the client')
          connection.socket.resume()
          await until(() => connection.closedAt !== undefined, 'both ends', 20_000)
          assert.equal(got, size)
        }
        client.destroy()
      })

    test('a reset ends the other side at once, whoever does it', async () => {
      const one = await open()
      one.client.reset()
      await until(() => one.connection.closedAt !== undefined || one.connection.socket.readableEnded, 'the end', 500)
      one.connection.socket.destroy()
      const other = await open()
      other.connection.socket.resetAndDestroy()
      await other.client.closed(500)
      other.client.destroy()
    })
  })

  suite('backpressure', () => {
    const stalls = async (from: { write(bytes: Buffer): boolean }, sent: () => number, what: string) => {
      const block = Buffer.alloc(MiB, 'x')
      let asked = 0
      for (; asked < 128 && from.write(block); asked += 1) await new Promise(setImmediate)
      for (let more = asked; more < 128; more += 1) from.write(block)
      await standsStill(sent, what)
      assert.ok(sent() < 64 * MiB, `${sent()} bytes were taken by nobody`)
    }

    test('a client that does not read stops the service, and the other way round', async () => {
      const down = await open()
      down.client.socket.pause()
      const service = down.connection.socket
      await stalls(service, () => service.bytesWritten - service.writableLength, 'the service')
      down.client.destroy()
      const up = await open()
      up.connection.socket.pause()
      const { socket } = up.client
      await stalls(socket, () => socket.bytesWritten - socket.writableLength, 'the client')
      up.client.destroy()
      up.connection.socket.destroy()
    })
  })

  suite('answers that are no 101', () => {
    for (const [what, script, text] of [
      ['with a length', fixed(426, 'upgrade first', ['Upgrade: websocket', 'Connection: Upgrade']), 'upgrade first'],
      [
        'in chunks',
        raw('HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n4\r\nyou!\r\n0\r\n\r\n'),
        'notyou!',
      ],
      ['until the end of the connection', raw('HTTP/1.1 400 No\r\nConnection: close\r\n\r\nbye', 'end'), 'bye'],
      ['without a body', raw('HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n'), ''],
      ['a redirect', fixed(302, '', ['Location: /login', 'Set-Cookie: a=1', 'Set-Cookie: b=2']), ''],
    ] as const)
      test(`${what}: passed on whole, then both connections end`, async () => {
        const { client, response, connection } = await shake(script)
        assert.equal(response.text, text)
        assert.equal(response.header('connection'), 'close')
        assert.equal(response.header('upgrade'), undefined)
        client.send('GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n')
        await client.closed()
        await until(() => connection.closedAt !== undefined, 'the end at the service')
        assert.equal(connection.requests.length, 1)
        client.destroy()
      })

    test('head first: it does not wait for the body', async () => {
      const seen = Promise.withResolvers<void>()
      plain.answering(async (_, { socket }) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
        await seen.promise
        socket.end('data: 1\n\n')
      })
      const client = await connectRaw(plain.port)
      client.send(hello('/ws'))
      await client.until('text/event-stream')
      seen.resolve()
      await client.until('data: 1')
      client.destroy()
    })

    test('no faster than the client reads', async () => {
      const seen = plain.upstream.requests.length
      const met = plain.answering(bulk(Buffer.alloc(MiB, 'x'), 128))
      const client = await connectRaw(plain.port)
      client.socket.pause()
      client.send(hello('/ws'))
      const taken = () => met().connection.socket.bytesWritten - met().connection.socket.writableLength
      await plain.upstream.arrived(seen + 1)
      await standsStill(taken, 'the service')
      assert.ok(taken() < 64 * MiB, `${taken()} bytes were taken`)
      client.destroy()
      await until(() => met().connection.closedAt !== undefined, 'the end at the service')
    })

    for (const [what, bytes] of [
      ['short of its length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npartial'],
      ['without a last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nparti\r\n'],
    ] as const)
      test(`${what}: broken off, never a clean end`, async () => {
        plain.answering(raw(bytes, 'end'))
        const client = await connectRaw(plain.port)
        client.send(hello('/ws'))
        await assert.rejects(client.response(), /truncated/)
        client.destroy()
      })

    for (const [what, bytes] of [
      ['in a coding that would be lost', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
      ['framed twice', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n'],
      ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ] as const)
      test(`${what}: 502, and none of its bytes`, async () => {
        const { client, response } = await shake(raw(bytes))
        assert.equal(outcomeOf(response), '502 upstream_failed')
        await client.closed()
        client.destroy()
      })
  })

  test('nothing of all this stays behind', async () => {
    const left = async () => {
      const text = await plain.gateway.metrics()
      return sample(text, 'heimdall_tunnels_open') + sample(text, 'heimdall_requests_in_flight')
    }
    await until(() => plain.upstream.connections.every(isOver), 'the ends at the service')
    for (const { socket } of plain.upstream.connections) socket.end() // it may have left its half open
    await eventually('no tunnel and no request', async () => (await left()) === 0)
    assert.equal(plain.gateway.errors(), '')
  })

  const isOver = ({ closedAt, socket }: PlainProxy['upstream']['connections'][number]) =>
    closedAt !== undefined || socket.readableEnded
})
