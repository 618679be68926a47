import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'

import * as fc from 'fast-check'

import { Patience, takeWithin } from '#proxy/pace.ts'

import { chunked, events, fixed, never } from '../support/answers.ts'
import { startForwarder, type Forwarder, type ForwarderOptions } from '../support/forwarder.ts'
import { connectRaw } from '../support/raw-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { until } from '../support/wire.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n'
const CHUNKS = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
const MIB = 1024 * 1024
const pace = { at_least: 500, slack: 300 }

suite('patience', () => {
  test('is the slack at first, and what was waited is gone from it', () => {
    const patience = new Patience({ at_least: 1000, slack: 5000 })
    assert.equal(patience.begin(0), 5000)
    patience.earn(0, 2000)
    assert.equal(patience.begin(2000), 3000)
    patience.earn(500, 2500)
    assert.equal(patience.begin(9000), 3000, 'half a second waited, and as much bought')
  })

  test('is never more than the slack, however much came before', () => {
    const patience = new Patience({ at_least: 1, slack: 5000 })
    patience.begin(0)
    patience.earn(10 * MIB, 1)
    assert.equal(patience.begin(2), 5000)
  })

  test('has no end without a pace', () => {
    const patience = new Patience(undefined)
    patience.begin(0)
    patience.earn(1, 1e9)
    assert.equal(patience.begin(1e9), Infinity)
    assert.equal(takeWithin(1, undefined, 60_000), 60_000)
  })

  test('of one who sends at the pace never ends, and that with one who sends less does', () => {
    const steps = fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 50, maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 100_000 }), (waits, atLeast) => {
        const ends = (share: number) => {
          const patience = new Patience({ at_least: atLeast, slack: 5000 })
          let now = 0
          return waits.some((wait) => {
            const most = patience.begin(now)
            now += wait
            patience.earn((wait / 1000) * atLeast * share, now)
            return wait > most
          })
        }
        assert.equal(ends(1.001), false)
        if (waits.reduce((sum, wait) => sum + wait) > 20_000) assert.equal(ends(0.5), true)
      }),
    )
  })
})

suite('forward, clients that are slow on purpose', () => {
  let upstream: Upstream
  before(async () => {
    upstream = await startUpstream(never)
  })
  after(() => upstream.close())

  async function withForwarder(options: Partial<ForwarderOptions>, use: (own: Forwarder) => Promise<void>) {
    const own = await startForwarder({ upstream: upstream.url, plan: { pace }, ...options })
    try {
      await use(own)
    } finally {
      await own.close()
    }
  }
  const gone = (index: number) =>
    until(() => upstream.connections[index]?.closedAt !== undefined, 'the upstream to be let go')

  for (const [framing, head, drop] of [
    ['a length', POST, 'x'],
    ['chunks', CHUNKS, '1\r\nx\r\n'],
  ] as const)
    test(`lets go of the upstream when a body in ${framing} drips in, says 408 and closes`, async () => {
      upstream.answer = never
      await withForwarder({}, async (own) => {
        const index = upstream.connections.length
        const client = await connectRaw(own.port)
        client.send(head)
        const began = performance.now()
        const drip = setInterval(() => client.send(drop), 50)
        const response = await client.response()
        clearInterval(drip)
        assert.deepEqual([response.status, response.header('x-code')], [408, 'request_timeout'])
        assert.equal(response.header('connection'), 'close')
        const took = performance.now() - began
        assert.ok(took > 280 && took < 900, `after ${took} ms`)
        await gone(index)
        await client.closed()
        assert.equal(own.upstream.backends[0]?.failures, 0, 'the upstream is not to blame')
      })
    })

  test('waits for one who sends at the pace, with pauses, longer than for one who does not', async () => {
    upstream.answer = fixed(200, 'all of it')
    await withForwarder({ plan: { pace: { at_least: 10_000, slack: 400 } } }, async (own) => {
      const client = await connectRaw(own.port)
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n')
      for (let sent = 0; sent < 20_000; sent += 4000) {
        await new Promise((resolve) => setTimeout(resolve, 250))
        client.send('x'.repeat(4000))
      }
      assert.equal((await client.response()).text, 'all of it')
      client.destroy()
    })
  })

  test('lets no fast beginning pay for a stall', async () => {
    upstream.answer = never
    await withForwarder({}, async (own) => {
      const client = await connectRaw(own.port)
      client.send(POST + 'x'.repeat(90_000))
      assert.equal((await client.response()).status, 408)
      client.destroy()
    })
  })

  test('does not blame a client for an upstream that does not read', async () => {
    upstream.answer = (_request, { socket }) => void socket.pause()
    const options = { upstream: { targets: [upstream.url], timeout: { headers: '1s' } } }
    await withForwarder(options, async (own) => {
      const client = await connectRaw(own.port)
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${64 * MIB}\r\n\r\n`)
      client.socket.write(Buffer.alloc(64 * MIB))
      assert.equal((await client.response()).header('x-code'), 'upstream_timeout')
      client.destroy()
    })
  })

  test('lets go of a body that stalls also while the answer is already there', async () => {
    upstream.answer = (_request, { socket }) =>
      void socket.write('HTTP/1.1 200 OK\r\nX-Early: 1\r\nTransfer-Encoding: chunked\r\n\r\n')
    await withForwarder({}, async (own) => {
      const index = upstream.connections.length
      const client = await connectRaw(own.port)
      client.send(`${POST}x`)
      await client.until('x-early')
      await gone(index)
      await assert.rejects(client.response(), /truncated/)
      assert.equal(own.outcomes[0]?.denial?.code, 'request_timeout')
    })
  })

  const flood = (type: string) =>
    (upstream.answer = async (_request, { socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n\r\n`)
      const block = Buffer.alloc(MIB, 'x')
      for (let sent = 0; sent < 64 && !socket.destroyed; sent += 1)
        if (!socket.write(block)) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
    })

  for (const [kind, type] of [
    ['an answer', 'text/plain'],
    ['an event stream', 'text/event-stream'],
  ] as const)
    test(`lets go of the upstream when the client takes nothing of ${kind} that waits for it, and blames the client`, async () => {
      flood(type)
      const options = { upstream: { targets: [upstream.url], timeout: { idle: '300ms' } } }
      await withForwarder(options, async (own) => {
        const index = upstream.connections.length
        const client = await connectRaw(own.port)
        client.socket.pause()
        client.send(GET)
        await until(() => own.outcomes.length > 0, 'the outcome')
        assert.deepEqual([own.outcomes[0]?.status, own.outcomes[0]?.denial?.code], [499, 'client_closed'])
        assert.match(own.outcomes[0]?.denial?.note ?? '', /too slowly/)
        await gone(index)
        client.socket.resume()
        assert.equal(await client.closed(), 'reset', 'nothing is kept for it in the buffers of the system')
      })
    })

  test('blames a client that does not take the end of an answer, whose upstream is long free', async () => {
    upstream.answer = fixed(200, Buffer.alloc(8 * MIB))
    const options = { upstream: { targets: [upstream.url], timeout: { idle: '300ms' } } }
    await withForwarder(options, async (own) => {
      const client = await connectRaw(own.port)
      client.socket.pause()
      client.send(GET)
      await until(() => own.outcomes.length > 0, 'the outcome')
      assert.deepEqual([own.outcomes[0]?.status, own.outcomes[0]?.denial?.code], [499, 'client_closed'])
      client.destroy()
    })
  })

  test('never cuts an event stream that has nothing to say', async () => {
    upstream.answer = events(['1', '2'], 700, 'end')
    const options = { upstream: { targets: [upstream.url], timeout: { idle: '100ms' } } }
    await withForwarder(options, async (own) => {
      const client = await connectRaw(own.port)
      client.send(GET)
      assert.equal((await client.response()).text, 'data: 1\n\ndata: 2\n\n')
      client.destroy()
    })
  })

  test('goes on with an event stream whose client read late', async () => {
    const block = 'x'.repeat(64 * 1024)
    upstream.answer = chunked([...Array.from({ length: 200 }, () => block), 'last'], {
      lines: ['Content-Type: text/event-stream'],
    })
    const options = { upstream: { targets: [upstream.url], timeout: { idle: '1s' } } }
    await withForwarder(options, async (own) => {
      const client = await connectRaw(own.port)
      client.socket.pause()
      client.send(GET)
      await new Promise((resolve) => setTimeout(resolve, 300))
      client.socket.resume()
      assert.equal((await client.response()).body.length, 200 * block.length + 4)
      client.destroy()
    })
  })
})
