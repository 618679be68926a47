import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, suite, test } from 'node:test'

import { bulk, chunked, events, fixed, never, room } from '../support/answers.ts'
import { startForwarder, type Forwarder, type ForwarderOptions } from '../support/forwarder.ts'
import { connectRaw, type RawClient } from '../support/raw-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { standsStill, until } from '../support/wire.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const MIB = 1024 * 1024
const TOTAL = 192 // MiB
/** Growth of the process that holds client, gateway and upstream together, in MiB; what streams pass never adds up. */
const MOST_GROWTH = 96

let upstream: Upstream
before(async () => {
  upstream = await startUpstream(never)
})
after(() => upstream.close())

async function withForwarder(options: Partial<ForwarderOptions>, use: (own: Forwarder) => Promise<void>) {
  const own = await startForwarder({ upstream: upstream.url, ...options })
  try {
    await use(own)
  } finally {
    await own.close()
  }
}

suite('forward, streams', () => {
  test('passes events on at once and closes the upstream when the client leaves', async () => {
    const sent: number[] = []
    upstream.answer = async (request, { socket }) => {
      await request.whole
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
      for (let count = 0; count < 5; count += 1) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        sent.push(performance.now())
        socket.write(`data: ${count}\n\n`)
      }
    }
    await withForwarder({}, async (own) => {
      const client = await connectRaw(own.port)
      const index = upstream.connections.length
      client.send(GET)
      for (let count = 0; count < 5; count += 1) {
        await client.until(`data: ${count}`)
        assert.ok(performance.now() - (sent[count] ?? 0) < 30, `event ${count} is late`)
      }
      client.destroy()
      await until(() => upstream.connections[index]?.closedAt !== undefined, 'the upstream to be closed')
    })
  })

  test('cuts no event stream, neither by the pause nor by the deadline of the route', async () => {
    upstream.answer = events(['1', '2'], 250, 'end')
    const options = { upstream: { targets: [upstream.url], timeout: { idle: '100ms' } }, plan: { timeout: 300 } }
    await withForwarder(options, async (own) => {
      const client = await connectRaw(own.port)
      client.send(GET)
      assert.equal((await client.response()).text, 'data: 1\n\ndata: 2\n\n')
      client.destroy()
    })
  })

  test('lets a long poll wait as long as its head may take', async () => {
    upstream.answer = (request, connection) => void setTimeout(() => void fixed(200, 'news')(request, connection), 400)
    await withForwarder({ upstream: { targets: [upstream.url], timeout: { idle: '100ms' } } }, async (own) => {
      const client = await connectRaw(own.port)
      client.send(GET)
      assert.equal((await client.response()).text, 'news')
      client.destroy()
    })
  })

  test('sends the head before the body is there', async () => {
    const headSeen = Promise.withResolvers<void>()
    upstream.answer = async (_request, { socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Early: 1\r\n\r\n')
      await headSeen.promise
      socket.write('hello')
    }
    await withForwarder({}, async (own) => {
      const client = await connectRaw(own.port)
      client.send(GET)
      await client.until('x-early: 1')
      headSeen.resolve()
      assert.equal((await client.response()).text, 'hello')
      client.destroy()
    })
  })

  test('sends every chunk when it comes', async () => {
    upstream.answer = chunked(['one', 'two', 'three'], { gap: 60 })
    await withForwarder({}, async (own) => {
      const client = await connectRaw(own.port)
      client.send(GET)
      await client.until('one')
      assert.equal(client.pending().includes('two'), false)
      assert.equal((await client.response()).text, 'onetwothree')
      client.destroy()
    })
  })
})

suite('forward, large bodies', () => {
  const block = Buffer.alloc(MIB, 'heimdall ')
  const expected = createHash('sha256')
  for (let count = 0; count < TOTAL; count += 1) expected.update(block)
  const sum = expected.digest('hex')

  /** Runs and gives the growth of the process in MiB. */
  const growth = async (run: () => Promise<void>) => {
    const base = process.memoryUsage().rss
    let peak = base
    const timer = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss)
    }, 10)
    await run()
    clearInterval(timer)
    return (peak - base) / MIB
  }

  test('passes 192 MiB down unchanged, to a client that pauses, in bounded memory', async () => {
    upstream.answer = bulk(block, TOTAL)
    await withForwarder({}, async (own) => {
      const grown = await growth(async () => {
        const client = await rawDownload(own.port)
        assert.equal(client.size, TOTAL * MIB)
        assert.equal(client.sha256, sum)
      })
      assert.ok(grown < MOST_GROWTH, `grew by ${grown} MiB`)
    })
  })

  for (const framing of ['length', 'chunks'])
    test(`passes 192 MiB up unchanged in ${framing}, to an upstream that pauses, in bounded memory`, async () => {
      upstream.answer = async (request, connection) => {
        connection.socket.pause()
        setTimeout(() => connection.socket.resume(), 200)
        await fixed(200, 'got it')(request, connection)
      }
      await withForwarder({}, async (own) => {
        const grown = await growth(async () => {
          const client = await connectRaw(own.port)
          await upload(client, framing === 'chunks')
          assert.equal((await client.response()).text, 'got it')
          client.destroy()
        })
        const request = upstream.requests.at(-1)
        assert.equal(request?.size, TOTAL * MIB)
        assert.equal(request?.sha256, sum)
        assert.ok(grown < MOST_GROWTH, `grew by ${grown} MiB`)
      })
    })

  test('reads no more from the upstream than a client that stands still has room for', async () => {
    let sent = 0
    upstream.answer = async (_request, { socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL * MIB}\r\n\r\n`)
      while (sent < TOTAL && !socket.destroyed) {
        sent += 1
        if (!socket.write(block)) await room(socket)
      }
    }
    await withForwarder({}, async (own) => {
      const client = await connectRaw(own.port)
      client.socket.pause()
      client.send(GET)
      await until(() => sent > 0, 'the answer to begin')
      await standsStill(() => sent, 'the upstream')
      assert.ok(sent < TOTAL / 2, `${sent} MiB were sent`)
      client.destroy()
    })
  })

  async function upload(client: RawClient, inChunks: boolean): Promise<void> {
    const framing = inChunks ? 'Transfer-Encoding: chunked' : `Content-Length: ${TOTAL * MIB}`
    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`)
    const write = async (bytes: string | Buffer) => {
      if (!client.socket.write(bytes)) await new Promise((resolve) => client.socket.once('drain', resolve))
    }
    for (let count = 0; count < TOTAL; count += 1) {
      if (inChunks) await write(`${MIB.toString(16)}\r\n`)
      await write(block)
      if (inChunks) await write('\r\n')
    }
    if (inChunks) await write('0\r\n\r\n')
  }

  /** Reads an answer without keeping it, with a pause at the start. */
  async function rawDownload(port: number): Promise<{ size: number; sha256: string }> {
    const { connect } = await import('node:net')
    const socket = connect(port, '127.0.0.1')
    socket.write(GET)
    const hash = createHash('sha256')
    let head = ''
    let size = 0
    socket.pause()
    setTimeout(() => socket.resume(), 200)
    return new Promise((resolve, reject) => {
      socket.on('close', () => reject(new Error(`closed after ${size} bytes`)))
      socket.on('data', (chunk: Buffer) => {
        let body = chunk
        if (!head.includes('\r\n\r\n')) {
          const before = head.length
          head += chunk.toString('latin1')
          const end = head.indexOf('\r\n\r\n')
          body = end === -1 ? Buffer.alloc(0) : chunk.subarray(end + 4 - before)
          head = end === -1 ? head : head.slice(0, end + 4)
        }
        size += body.length
        hash.update(body)
        if (size < TOTAL * MIB) return
        resolve({ size, sha256: hash.digest('hex') })
        socket.destroy()
      })
    })
  }
})
