import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { createServer, type Server, type TLSSocket } from 'node:tls'

import type { Origin } from '#upstream/connect.ts'
import { Pool } from '#upstream/pool.ts'

import { certify, noOpenssl, type Certificates } from '../support/certificates.ts'
import { bodyOf, Recorded } from '../support/exchange.ts'
import { until } from '../support/wire.ts'

const MIB = 1024 * 1024

suite('connections by TLS', { skip: noOpenssl }, () => {
  let files: Certificates
  let server: Server
  let sockets: TLSSocket[] = []
  let resumed: boolean[] = []
  let answer: (socket: TLSSocket) => void
  const answering = (bytes: string) => (socket: TLSSocket) => void socket.on('data', () => socket.write(bytes))

  before(async () => {
    files = certify('IP:127.0.0.1,DNS:localhost')
    server = createServer({ key: files.key, cert: files.cert, noDelay: true }, (socket) => {
      sockets.push(socket)
      resumed.push(socket.isSessionReused())
      socket.on('error', () => {})
      answer(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  after(() => new Promise((resolve) => server.close(resolve)))

  async function withPool(origin: Partial<Origin>, use: (pool: Pool) => Promise<void>, keeps = true): Promise<void> {
    const { port } = server.address() as AddressInfo
    const tls = { ca: files.ca, servername: undefined }
    const whole = { host: '127.0.0.1', port, tls, lookup: undefined, timeout: 1000, ...origin }
    const pool = new Pool({ origin: whole, connections: 2, waiting: 10, keeps })
    sockets = []
    resumed = []
    try {
      await use(pool)
    } finally {
      pool.destroy()
      await until(() => sockets.every(({ destroyed }) => destroyed), 'the sockets to end')
    }
  }

  const ask = async (pool: Pool, ...args: ConstructorParameters<typeof Recorded>) => {
    const exchange = new Recorded(...args)
    pool.send(exchange)
    return exchange.over
  }

  test('are kept, whether the host is an address or a name', async () => {
    answer = answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    const named = { host: 'localhost', tls: { ca: files.ca, servername: 'localhost' } }
    for (const [origin, name] of [
      [{}, false],
      [named, 'localhost'],
    ] as const)
      await withPool(origin, async (pool) => {
        for (let count = 0; count < 3; count += 1) assert.equal((await ask(pool)).body, 'ok')
        assert.deepEqual([sockets.length, sockets[0]?.servername, sockets[0]?.alpnProtocol], [1, name, false])
      })
  })

  test('take up the session of the one before', async () => {
    answer = answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    const one = async (pool: Pool) => assert.equal((await ask(pool)).body, 'ok')
    await withPool(
      {},
      async (pool) => {
        await one(pool)
        await one(pool)
        assert.deepEqual(resumed, [false, true])
      },
      false,
    )
  })

  test('do not come about without the authority, for another name, or beyond the deadline', async () => {
    answer = () => assert.fail('reached')
    for (const tls of [
      { ca: undefined, servername: undefined },
      { ca: files.ca, servername: 'other.test' },
    ])
      await withPool({ tls }, async (pool) => {
        assert.equal((await ask(pool)).error?.kind, 'unreachable')
      })
    const { createServer: createDeaf } = await import('node:net')
    const deaf = createDeaf((socket) => void socket.on('error', () => {}).resume())
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve))
    await withPool({ port: (deaf.address() as AddressInfo).port, timeout: 100 }, async (pool) => {
      const began = performance.now()
      assert.equal((await ask(pool)).error?.kind, 'connect_timeout')
      assert.ok(performance.now() - began < 400)
    })
    await new Promise((resolve) => deaf.close(resolve))
  })

  test('carry large bodies both ways', async () => {
    let received = 0
    answer = (socket) =>
      void socket.on('data', (bytes) => {
        received += bytes.length
        if (received < 8 * MIB) return
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${8 * MIB}\r\n\r\n`)
        socket.write(Buffer.alloc(8 * MIB, 'y'))
      })
    await withPool({}, async (pool) => {
      const body = bodyOf(Array.from({ length: 8 }, () => Buffer.alloc(MIB, 'x')))
      const { body: answered } = await ask(pool, { method: 'POST', body: 8 * MIB }, body)
      assert.equal(answered, 'y'.repeat(8 * MIB))
    })
  })

  test('are read again when the end of an answer has come in spite of a pause', async () => {
    answer = answering(`HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n${'x'.repeat(40_000)}`) // three records
    await withPool({}, async (pool) => {
      for (let count = 0; count < 5; count += 1) {
        const asked = new Recorded()
        asked.onData = () => {
          asked.line?.pause(asked)
          setImmediate(() => asked.line?.resume(asked))
        }
        pool.send(asked)
        await until(() => asked.events.includes('over'), `answer ${count}`)
        assert.equal(asked.size, 40_000)
      }
      assert.equal(sockets.length, 1)
    })
  })

  test('get an answer that came early although the service has closed', async () => {
    answer = (socket) =>
      void socket.once('data', () => {
        socket.pause()
        socket.end('HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno', () => socket.destroy())
      })
    await withPool({}, async (pool) => {
      const parts = Array.from({ length: 100 }, () => Buffer.alloc(64 * 1024, 'x'))
      const { status, error } = await ask(pool, { method: 'POST', body: 'chunked' }, bodyOf(parts))
      assert.deepEqual([status, error], [413, undefined])
    })
  })

  test('break without TLS’s own goodbye no better than others', async () => {
    answer = (socket) =>
      void socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe', () => socket.destroy())
      })
    await withPool({}, async (pool) => {
      assert.equal((await ask(pool)).error?.kind, 'cut')
    })
  })
})
