import assert from 'node:assert/strict'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { after, before, suite, test } from 'node:test'

import { Pool } from '#upstream/pool.ts'

import { room } from '../support/answers.ts'
import { bodyOf, Recorded } from '../support/exchange.ts'
import { standsStill, until } from '../support/wire.ts'

const MIB = 1024 * 1024
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

let server: Server
let serve: (socket: Socket, index: number) => void
let sockets: Socket[] = []
before(async () => {
  server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    serve(socket, sockets.push(socket) - 1)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
after(() => new Promise((resolve) => server.close(resolve)))

async function withPool(script: typeof serve, use: (pool: Pool) => Promise<void>): Promise<void> {
  const { port } = server.address() as AddressInfo
  const origin = { host: '127.0.0.1', port, tls: undefined, lookup: undefined, timeout: 1000 }
  const pool = new Pool({ origin, connections: 4, waiting: 10, keeps: true })
  serve = script
  sockets = []
  try {
    await use(pool)
  } finally {
    pool.destroy()
    for (const socket of sockets) socket.destroy()
    await until(() => sockets.every((socket) => socket.destroyed), 'the sockets to end')
  }
}

const ask = (pool: Pool, ...args: ConstructorParameters<typeof Recorded>) => {
  const exchange = new Recorded(...args)
  pool.send(exchange)
  return exchange
}

/** Answers each request, whatever it is. */
const answering = (bytes: string) => (socket: Socket) => void socket.on('data', () => socket.write(bytes))

suite('an answer that breaks off', () => {
  const answers = {
    'a length': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    chunks: 'HTTP/1.1 103 Hint\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'the close': 'HTTP/1.1 200 OK\r\n\r\nhello',
  }
  for (const [framing, answer] of Object.entries(answers))
    for (const how of ['reset', 'close'] as const)
      test(`by ${how}, at any byte of one framed by ${framing}, is told apart from a whole one`, async () => {
        const cut = async (size: number) => {
          const part = answer.slice(0, size)
          const script = (socket: Socket) =>
            void socket.once('data', () => {
              if (how === 'close') socket.end(part)
              else socket.write(part, () => setTimeout(() => socket.resetAndDestroy(), 3))
              if (part === '' && how === 'reset') socket.resetAndDestroy()
            })
          await withPool(script, async (pool) => {
            const { error, body } = await ask(pool).over
            const headless = size < answer.lastIndexOf('\r\n\r\nhello') + 4
            const endsAnywhere = framing === 'the close' && how === 'close' && !headless
            const whole = endsAnywhere || (size === answer.length && framing !== 'the close')
            if (whole) assert.deepEqual([error, 'hello'.startsWith(body)], [undefined, true], `${size} bytes`)
            else assert.equal(error?.kind, size === 0 ? 'broken' : 'cut', `${size} bytes`)
            await until(() => pool.stats.connected === 0 || (whole && how === 'reset'), 'the connection to end')
          })
        }
        for (let size = 0; size <= answer.length; size += 1) await cut(size)
      })
})

suite('a kept connection', () => {
  /** Does something with other sockets, and comes back in the turn of the event loop that reads what came of it, before that. */
  const besides = (act: () => void) =>
    new Promise<void>((resolve) => {
      const bell = createServer((socket) => {
        socket.write('!')
        act()
        bell.close()
      })
      bell.listen(0, '127.0.0.1', () => {
        const ear = connect((bell.address() as AddressInfo).port, '127.0.0.1')
        ear.once('data', () => {
          ear.destroy()
          resolve()
        })
      })
    })

  test('that the service has closed or reset meanwhile costs nobody a request, not even a POST', async () => {
    for (const end of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      let bodies = 0
      const script = (socket: Socket) =>
        void socket.on('data', (bytes) => {
          bodies += bytes.toString().split('once').length - 1
          socket.write(OK)
        })
      await withPool(script, async (pool) => {
        await ask(pool).over
        const [first] = sockets
        assert.ok(first)
        await besides(() => end(first)) // it is known to the system, but nobody here has looked
        const asked = ask(pool, { method: 'POST', body: 4 }, bodyOf([Buffer.from('once')]))
        assert.equal((await asked.over).error, undefined)
        assert.deepEqual([bodies, sockets.length], [1, 2])
      })
    }
  })

  test('is dropped for any byte that nobody asked for, in the turn of the next request at the latest', async () => {
    for (const bytes of ['x', '\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON']) {
      await withPool(answering(OK), async (pool) => {
        await ask(pool).over
        await besides(() => sockets[0]?.write(bytes))
        assert.equal((await ask(pool).over).body, 'ok')
        assert.equal(sockets.length, 2)
      })
      for (const behind of [`${OK}${bytes}`, `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${bytes}`])
        await withPool(answering(behind), async (pool) => {
          for (let count = 1; count <= 3; count += 1) {
            assert.equal((await ask(pool).over).error, undefined)
            assert.equal(sockets.length, count)
          }
        })
    }
  })

  test('that breaks under a request that it has taken says so, and whether an answer had begun', async () => {
    for (const [before, kind] of [
      ['', 'broken'],
      ['H', 'cut'],
      ['HTTP/1.1 103 Hint\r\n\r\n', 'cut'],
    ] as const) {
      const script = (socket: Socket) =>
        void socket.once('data', () => {
          socket.write(OK)
          socket.once('data', () => socket.end(before))
        })
      await withPool(script, async (pool) => {
        await ask(pool).over
        const asked = ask(pool)
        assert.equal((await asked.over).error?.kind, kind)
        assert.equal(asked.events[0], 'begun')
      })
    }
  })

  test('ends with an exchange that throws, and no other is harmed', async () => {
    for (const method of ['begun', 'sent', 'answered'] as const)
      await withPool(answering(OK), async (pool) => {
        await ask(pool).over
        const defective = new Recorded()
        Object.assign(defective, {
          [method]: () => {
            throw new TypeError('a defect')
          },
        })
        pool.send(defective)
        const other = ask(pool)
        assert.equal((await defective.over).error?.kind, 'defect')
        assert.equal((await other.over).body, 'ok')
        assert.equal((await ask(pool).over).body, 'ok')
        assert.equal(pool.stats.running, 0)
      })
  })

  test('ends with an exchange that throws at an answer that ends with it', async () => {
    const script = (socket: Socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nall'))
    await withPool(script, async (pool) => {
      const defective = new Recorded()
      defective.ended = () => {
        throw new TypeError('a defect')
      }
      pool.send(defective)
      assert.equal((await defective.over).error?.kind, 'defect')
      assert.equal((await ask(pool).over).body, 'all')
    })
  })

  test('serves others when an exchange is aborted only by ending', async () => {
    await withPool(
      (socket) => void socket.resume(),
      async (pool) => {
        const asked = ask(pool)
        await until(() => asked.events.includes('sent'), 'the request')
        const { line } = asked
        line?.abort(asked)
        await until(() => sockets[0]?.destroyed === true, 'the connection to end')
        serve = answering(OK)
        const next = ask(pool)
        await until(() => next.line !== undefined, 'the next')
        line?.abort(asked) // too late to harm anybody
        line?.pause(asked)
        assert.equal((await next.over).body, 'ok')
        assert.deepEqual(asked.events, ['begun', 'sent'])
      },
    )
  })
})

suite('a request with a body', () => {
  const chunk = Buffer.alloc(64 * 1024, 'x')

  test('gets the answer that came early, though the service closes and resets under the upload', async () => {
    for (let round = 0; round < 20; round += 1) {
      const script = (socket: Socket) =>
        void socket.once('data', () => {
          socket.pause()
          socket.end('HTTP/1.1 413 No\r\nContent-Length: 8\r\n\r\ntoo much', () => socket.destroy()) // unread bytes: a reset
        })
      await withPool(script, async (pool) => {
        const parts = Array.from({ length: 200 }, () => chunk)
        const { status, body } = await ask(pool, { method: 'POST', body: 'chunked' }, bodyOf(parts)).over
        assert.deepEqual([status, body], [413, 'too much'])
        await until(() => pool.stats.connected === 0, 'the connection to end')
      })
    }
  })

  test('is broken when the service resets without an answer', async () => {
    await withPool(
      (socket) => void socket.once('data', () => socket.resetAndDestroy()),
      async (pool) => {
        const parts = Array.from({ length: 200 }, () => chunk)
        const { error } = await ask(pool, { method: 'POST', body: 200 * chunk.length }, bodyOf(parts)).over
        assert.equal(error?.kind, 'broken')
      },
    )
  })

  test('ends the connection when it is longer or shorter than announced', async () => {
    for (const size of [3, 5]) {
      let received = ''
      const script = (socket: Socket) => void socket.on('data', (bytes) => (received += bytes.toString('latin1')))
      await withPool(script, async (pool) => {
        const asked = ask(pool, { method: 'POST', body: 4 }, bodyOf([Buffer.alloc(size, 'x')]))
        assert.equal((await asked.over).error?.kind, 'mismatch')
        await until(() => sockets[0]?.destroyed !== false, 'the connection to end')
        assert.ok((received.split('\r\n\r\n')[1] ?? '').length < 4, received)
      })
    }
  })

  test('goes out in one piece with its head when it is there, and after it when it is not', async () => {
    let received = ''
    const script = (socket: Socket) =>
      void socket.on('data', (bytes) => {
        received += bytes.toString('latin1')
        if (received.endsWith('later') || received.endsWith('0\r\n\r\n')) socket.write(OK)
      })
    await withPool(script, async (pool) => {
      let sink: Parameters<NonNullable<Recorded['body']>['begin']>[0] | undefined
      const late = { begin: (to: typeof sink) => void (sink = to), resume() {} }
      const asked = ask(pool, { method: 'PUT', body: 5 }, late)
      await until(() => received.endsWith('content-length: 5\r\n\r\n'), 'the head')
      sink?.write(Buffer.from('later'))
      sink?.end()
      assert.equal((await asked.over).body, 'ok')
      received = ''
      await ask(pool, { method: 'PUT', body: 'chunked' }, bodyOf([Buffer.from('now'), Buffer.alloc(0), chunk])).over
      const [head, body] = received.split('\r\n\r\n3\r\n')
      assert.match(head ?? '', /transfer-encoding: chunked$/)
      assert.equal(body, `now\r\n10000\r\n${chunk.toString()}\r\n0\r\n\r\n`)
      assert.equal(sockets.length, 1)
    })
  })
})

suite('bodies of 100 MiB', () => {
  const block = Buffer.alloc(MIB, 'x')

  test('go up no faster than the service reads', async () => {
    let received = 0
    const script = (socket: Socket) => {
      socket.pause()
      socket.on('data', (bytes) => {
        received += bytes.length
        if (received > 100 * MIB) socket.write(OK)
      })
    }
    await withPool(script, async (pool) => {
      const body = bodyOf(Array.from({ length: 100 }, () => block))
      const asked = ask(pool, { method: 'POST', body: 100 * MIB }, body)
      await standsStill(() => body.written, 'the upload')
      assert.ok(body.written < 20, `${body.written} MiB were taken`)
      sockets[0]?.resume()
      assert.equal((await asked.over).body, 'ok')
    })
  })

  test('come down no faster than the caller takes them', async () => {
    let sent = 0
    const script = (socket: Socket) => void socket.once('data', () => void sendAll(socket))
    const sendAll = async (socket: Socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${100 * MIB}\r\n\r\n`)
      for (; sent < 100; sent += 1) if (!socket.write(block)) await room(socket)
    }
    await withPool(script, async (pool) => {
      const asked = new Recorded()
      asked.onData = () => asked.line?.pause(asked)
      pool.send(asked)
      await until(() => asked.size > 0, 'the answer')
      await standsStill(() => sent, 'the service')
      assert.ok(sent < 50 && asked.size < 2 * MIB, `${sent} MiB were sent, ${asked.size} bytes told`)
      asked.onData = () => {}
      asked.line?.resume(asked)
      await asked.over
      assert.equal(asked.size, 100 * MIB)
      assert.equal(pool.stats.running, 0)
      assert.equal(pool.stats.connected, 1, 'and the connection is kept')
    })
  })
})
