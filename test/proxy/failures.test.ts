import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'

import {
  bulk,
  chunked,
  cutMidBody,
  early,
  endBeforeHead,
  events,
  fixed,
  garbage,
  informational,
  never,
  raw,
  resetBeforeHead,
  resetMidHead,
  reused,
  untilClose,
} from '../support/answers.ts'
import { startForwarder, type Forwarder, type ForwarderOptions } from '../support/forwarder.ts'
import { connectRaw, exchange } from '../support/raw-client.ts'
import { startUpstream, type Answer, type Upstream } from '../support/upstream.ts'
import { standsStill, until } from '../support/wire.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'
const MIB = 1024 * 1024
const EMPTY_POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'

let upstream: Upstream
before(async () => {
  upstream = await startUpstream(never)
})
after(() => upstream.close())

/** A forwarder of its own, since failures leave traces. */
async function withForwarder(options: Partial<ForwarderOptions>, use: (own: Forwarder) => Promise<void>) {
  const own = await startForwarder({ upstream: upstream.url, ...options })
  try {
    await use(own)
  } finally {
    await own.close()
  }
}

/** Code of the refusal that a client gets, and how many requests it cost. */
async function refused(answer: Answer, request: string): Promise<[string | undefined, number]> {
  upstream.answer = answer
  const before = upstream.requests.length
  let code: string | undefined
  await withForwarder({}, async (own) => {
    code = (await exchange(own.port, request)).header('x-code')
  })
  return [code, upstream.requests.length - before]
}

suite('forward, an upstream that fails before its answer', () => {
  const failures = { 'a reset': resetBeforeHead, 'a close': endBeforeHead }
  for (const [name, answer] of Object.entries(failures)) {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
      test(`tries ${method} twice on ${name} and then says 502`, async () => {
        const request = `${method} / HTTP/1.1\r\nHost: a\r\n\r\n`
        assert.deepEqual(await refused(answer, request), ['upstream_failed', 2])
      })
    test(`tries a request with a body once on ${name}`, async () => {
      assert.deepEqual(await refused(answer, POST), ['upstream_failed', 1])
      assert.deepEqual(await refused(answer, POST.replace('POST', 'PUT')), ['upstream_failed', 1])
    })
    test(`tries POST once on ${name}, even without a body`, async () => {
      assert.deepEqual(await refused(answer, EMPTY_POST), ['upstream_failed', 1])
    })
  }

  test('tries once when a byte of an answer had come', async () => {
    assert.deepEqual(await refused(resetMidHead, GET), ['upstream_failed', 1])
    const interim = informational(['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'], resetBeforeHead)
    upstream.answer = interim
    const before = upstream.requests.length
    await withForwarder({}, async (own) => {
      assert.equal((await exchange(own.port, GET)).status, 502)
    })
    assert.equal(upstream.requests.length, before + 1)
  })

  const broken: Record<string, string> = {
    'another protocol': 'SSH-2.0-OpenSSH_9.2\r\n\r\n',
    'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'length and chunks': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a status below 100': 'HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n',
    'a header with a space': 'HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 0\r\n\r\n',
    'a control character in a value': 'HTTP/1.1 200 OK\r\nX-Bad: a\x01b\r\nContent-Length: 0\r\n\r\n',
    'another transfer coding': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'too large a head': `HTTP/1.1 200 OK\r\nX-Big: ${'x'.repeat(70_000)}\r\n\r\n`,
  }
  for (const [name, bytes] of Object.entries(broken))
    test(`says 502 to ${name}`, async () => {
      assert.deepEqual(await refused(raw(bytes, 'end'), POST), ['upstream_failed', 1])
    })

  test('says 502 to garbage', async () => {
    assert.deepEqual(await refused(garbage, POST), ['upstream_failed', 1])
  })

  test('says 502 when nobody listens', async () => {
    await withForwarder({ upstream: 'http://127.0.0.1:1' }, async (own) => {
      assert.equal((await exchange(own.port, GET)).header('x-code'), 'upstream_unreachable')
      assert.equal((await exchange(own.port, POST)).header('x-code'), 'upstream_unreachable')
    })
  })

  test('says 502 when the name of the target is unknown', async () => {
    await withForwarder({ upstream: 'http://nobody.invalid' }, async (own) => {
      assert.equal((await exchange(own.port, POST)).header('x-code'), 'upstream_unreachable')
    })
  })

  test('keeps the client connection usable after a refusal', async () => {
    upstream.answer = resetBeforeHead
    await withForwarder({}, async (own) => {
      const client = await connectRaw(own.port)
      client.send(POST)
      assert.equal((await client.response()).status, 502)
      upstream.answer = fixed(200, 'fine')
      client.send(POST)
      assert.equal((await client.response()).text, 'fine')
      client.destroy()
    })
  })
})

suite('forward, the keep-alive race', () => {
  test('loses no GET when the upstream resets every connection that is used again', async () => {
    upstream.answer = reused(fixed(200, 'ok'), resetBeforeHead)
    await withForwarder({}, async (own) => {
      const clients = await Promise.all(Array.from({ length: 10 }, () => connectRaw(own.port)))
      for (let round = 0; round < 20; round += 1) {
        for (const client of clients) client.send(GET)
        const answers = await Promise.all(clients.map((client) => client.response()))
        assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
      }
      for (const client of clients) client.destroy()
      const { values } = await own.metrics.upstreamRetries.get()
      assert.ok((values[0]?.value ?? 0) > 0)
    })
  })

  test('sends no POST twice', async () => {
    upstream.answer = reused(fixed(200, 'ok'), resetBeforeHead)
    await withForwarder({}, async (own) => {
      const before = upstream.requests.length
      const statuses: number[] = []
      for (let count = 0; count < 20; count += 1) statuses.push((await exchange(own.port, POST)).status)
      assert.equal(upstream.requests.length - before, 20)
      assert.ok(statuses.includes(502) && statuses.includes(200))
    })
  })
})

suite('forward, an upstream that fails in the middle', () => {
  const cuts: Record<string, Answer> = {
    'a length, by reset': cutMidBody('reset'),
    'a length, by close': cutMidBody('end'),
    'chunks, by reset': cutMidBody('reset', 'chunked'),
    'chunks, by close': cutMidBody('end', 'chunked'),
    'the close alone, by reset': untilClose(['part', 'ial'], 'reset'),
  }
  for (const [name, answer] of Object.entries(cuts))
    for (const version of ['1.1', '1.0'])
      test(`never ends cleanly for HTTP/${version} when a body framed by ${name}, breaks off`, async () => {
        upstream.answer = answer
        await withForwarder({}, async (own) => {
          const client = await connectRaw(own.port)
          client.send(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`)
          await client.until('ial')
          await assert.rejects(client.response(), /truncated/)
          assert.equal(own.outcomes[0]?.denial?.code, 'upstream_failed')
          assert.equal(own.outcomes[0]?.answered, true)
        })
      })

  test('ends cleanly when a body framed by the close alone ends by close', async () => {
    upstream.answer = untilClose(['who', 'le'])
    await withForwarder({}, async (own) => {
      assert.equal((await exchange(own.port, GET)).text, 'whole')
    })
  })

  test('breaks the connection when chunks turn into garbage', async () => {
    upstream.answer = raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nZZ\r\n')
    await withForwarder({}, async (own) => {
      const client = await connectRaw(own.port)
      client.send(GET)
      await assert.rejects(client.response(), /truncated/)
    })
  })
})

suite('forward, deadlines', () => {
  /** Milliseconds until the client's answer or end, and the outcome. */
  const timed = async (answer: Answer, request: string, options: Partial<ForwarderOptions>) => {
    upstream.answer = answer
    const result = { elapsed: 0, code: '', answered: false, upstreamClosed: false }
    await withForwarder(options, async (own) => {
      const index = upstream.connections.length
      const client = await connectRaw(own.port)
      const began = performance.now()
      client.send(request)
      await until(() => own.outcomes.length > 0, 'the outcome')
      result.elapsed = performance.now() - began
      result.code = own.outcomes[0]?.denial?.code ?? ''
      result.answered = own.outcomes[0]?.answered ?? false
      if (upstream.connections[index] !== undefined)
        await until(() => upstream.connections[index]?.closedAt !== undefined, 'the upstream to be closed')
      client.destroy()
    })
    return result
  }
  const timeout = (limits: Record<string, string>) => ({ upstream: { targets: [upstream.url], timeout: limits } })

  test('waits for the head no longer than told', async () => {
    const { elapsed, code } = await timed(never, GET, timeout({ headers: '200ms' }))
    assert.equal(code, 'upstream_timeout')
    assert.ok(elapsed >= 195 && elapsed < 300, `${elapsed} ms`)
  })

  test('counts the wait for the head from the last byte of the body', async () => {
    upstream.answer = async (request, connection) => {
      await request.whole
      setTimeout(() => void fixed(200, 'ok')(request, connection), 150)
    }
    await withForwarder(timeout({ headers: '250ms' }), async (own) => {
      const client = await connectRaw(own.port)
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n')
      for (const byte of 'abcd') {
        client.send(byte)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      assert.equal((await client.response()).status, 200)
      client.destroy()
    })
  })

  test('no longer waits for a head that is there, however late its client sends the rest', async () => {
    upstream.answer = early(413)
    await withForwarder(timeout({ headers: '100ms' }), async (own) => {
      const client = await connectRaw(own.port)
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nmuch')
      assert.equal((await client.response()).status, 413)
      await new Promise((resolve) => setTimeout(resolve, 500))
      client.send(' more')
      assert.equal(await client.closed(), 'end')
      assert.deepEqual([own.outcomes.length, own.outcomes[0]?.denial], [1, undefined])
    })
  })

  test('blames the client when it is the client that stalls', async () => {
    const stalled = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab'
    const { code } = await timed(never, stalled, timeout({ headers: '150ms' }))
    assert.equal(code, 'request_timeout')
  })

  test('holds the deadline of the route over a slow answer', async () => {
    const drip = chunked(
      Array.from({ length: 50 }, () => 'x'),
      { gap: 20 },
    )
    const { elapsed, code, answered } = await timed(drip, GET, { plan: { timeout: 200 } })
    assert.equal(code, 'upstream_timeout')
    assert.ok(answered)
    assert.ok(elapsed >= 195 && elapsed < 300, `${elapsed} ms`)
  })

  test('cuts an answer that pauses for longer than told, shorter than the wait for a head', async () => {
    const stalls: Answer = (_request, { socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab')
    }
    const { elapsed, code } = await timed(stalls, GET, timeout({ idle: '150ms', headers: '10s' }))
    assert.equal(code, 'upstream_timeout')
    assert.ok(elapsed >= 145 && elapsed < 300, `${elapsed} ms`)
  })

  test('gives up a connection that does not come about', async () => {
    // the TCP connection comes, the TLS one never does
    const upstreams = { targets: [upstream.url.replace('http:', 'https:')], timeout: { connect: '200ms' } }
    for (const request of [GET, POST]) {
      const { elapsed, code } = await timed(never, request, { upstream: upstreams })
      assert.equal(code, 'upstream_timeout')
      assert.ok(elapsed >= 195 && elapsed < 300, `${elapsed} ms`)
    }
  })
})

suite('forward, a client that leaves', () => {
  const leaving = async (answer: Answer, request: string, when: string, how: 'end' | 'reset') => {
    upstream.answer = answer
    await withForwarder({}, async (own) => {
      const index = upstream.connections.length
      const client = await connectRaw(own.port)
      client.send(request)
      await until(() => (upstream.connections[index]?.requests.length ?? 0) > 0, 'the request')
      if (when !== '') await client.until(when)
      if (how === 'reset') client.reset()
      else client.destroy()
      const left = performance.now()
      await until(() => upstream.connections[index]?.closedAt !== undefined, 'the upstream to be closed')
      assert.ok((upstream.connections[index]?.closedAt ?? Infinity) - left < 200)
      await until(() => own.outcomes.length === 1, 'the outcome')
      const [outcome] = own.outcomes
      assert.deepEqual([outcome?.status, outcome?.denial?.code, outcome?.answered], [499, 'client_closed', true])
      assert.equal(own.upstream.backends[0]?.pending, 0)
      assert.equal(own.upstream.backends[0]?.failures, 0, 'the upstream is not to blame')
    })
  }
  for (const how of ['end', 'reset'] as const) {
    test(`while waiting, by ${how}: the upstream is closed within 200 ms`, () => leaving(never, GET, '', how))
    test(`in the middle of an upload, by ${how}: the upstream is closed within 200 ms`, () =>
      leaving(never, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc', '', how))
    test(`in the middle of an answer, by ${how}: the upstream is closed within 200 ms`, () =>
      leaving(cutMidBodyLater, GET, 'part', how))
  }

  test('leaves no connection behind after 300 departures', async () => {
    upstream.answer = never
    await withForwarder({ upstream: { targets: [upstream.url], connections: 500 } }, async (own) => {
      for (let round = 0; round < 6; round += 1) {
        const clients = await Promise.all(Array.from({ length: 50 }, () => connectRaw(own.port)))
        for (const client of clients) client.send(GET)
        await until(() => upstream.open() >= 50, 'the requests')
        for (const client of clients) client.destroy()
        await until(() => upstream.open() === 0, 'all upstream connections to be closed')
      }
      await until(() => own.outcomes.length === 300, 'all outcomes')
    })
  })

  test('with several requests in a pipeline: all of them end', async () => {
    upstream.answer = never
    await withForwarder({}, async (own) => {
      const before = upstream.requests.length
      const client = await connectRaw(own.port)
      client.send(GET.repeat(20))
      await upstream.arrived(before + 1)
      client.destroy()
      await until(() => own.outcomes.length === 20, 'all outcomes')
      assert.deepEqual(new Set(own.outcomes.map(({ status }) => status)), new Set([499]))
      await until(() => upstream.open() === 0, 'all upstream connections to be closed')
      assert.equal(upstream.requests.length, before + 1)
    })
  })

  test('and takes no answers of a pipeline holds one connection of the upstream', async () => {
    upstream.answer = bulk(Buffer.alloc(MIB), 64)
    await withForwarder({}, async (own) => {
      const before = upstream.requests.length
      const client = await connectRaw(own.port)
      client.socket.pause()
      client.send(GET.repeat(20))
      await upstream.arrived(before + 1)
      await standsStill(() => upstream.requests.length, 'the upstream')
      assert.deepEqual([upstream.requests.length - before, upstream.open()], [1, 1])
      client.destroy()
      await until(() => own.outcomes.length === 20, 'all outcomes')
    })
  })

  test('takes no connection from others when it leaves the queue', async () => {
    upstream.answer = (request, connection) => {
      if (request.target === '/quick') void fixed(200, 'ok')(request, connection)
    }
    await withForwarder({ upstream: { targets: [upstream.url], connections: 1 } }, async (own) => {
      const before = upstream.requests.length
      const [first, queued] = [await connectRaw(own.port), await connectRaw(own.port)]
      first.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
      await upstream.arrived(before + 1)
      queued.send('GET /queued HTTP/1.1\r\nHost: a\r\n\r\n')
      await new Promise((resolve) => setTimeout(resolve, 50))
      queued.destroy()
      await until(() => own.outcomes.length === 1, 'the outcome of the queued request')
      first.destroy()
      assert.equal((await exchange(own.port, 'GET /quick HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200)
      assert.deepEqual(
        upstream.requests.slice(before).map(({ target }) => target),
        ['/slow', '/quick'],
      )
    })
  })
})

/** Part of an answer, and then nothing. */
const cutMidBodyLater: Answer = (_request, { socket }) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart')
}

suite('forward, uploads that fail', () => {
  test('tells of an early refusal although the upstream resets afterwards', async () => {
    upstream.answer = (request, connection) => {
      void early(413, 'too much')(request, connection)
      connection.socket.end()
    }
    await withForwarder({}, async (own) => {
      const client = await connectRaw(own.port)
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n${'x'.repeat(1_000_000)}`)
      assert.equal((await client.response()).text, 'too much')
      client.destroy()
    })
  })

  test('survives a reset in the middle of an upload', async () => {
    upstream.answer = (_request, { socket }) => void setTimeout(() => socket.resetAndDestroy(), 30)
    await withForwarder({}, async (own) => {
      const client = await connectRaw(own.port)
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n${'x'.repeat(1_000_000)}`)
      assert.equal((await client.response()).header('x-code'), 'upstream_failed')
      client.destroy()
    })
  })
})

suite('forward, too many requests', () => {
  test('does not blame the upstream when all its connections are held by event streams', async () => {
    upstream.answer = events(['1'], 0)
    const options = { targets: [upstream.url], connections: 1, timeout: { headers: '200ms' } }
    await withForwarder({ upstream: options }, async (own) => {
      const stream = await connectRaw(own.port)
      stream.send(GET)
      await stream.until('data: 1')
      const response = await exchange(own.port, GET)
      assert.deepEqual([response.status, response.header('x-code')], [503, 'upstream_unavailable'])
      assert.equal(own.upstream.backends[0]?.failures, 0)
      stream.destroy()
      await until(() => own.upstream.backends[0]?.pending === 0, 'the stream to end')
      upstream.answer = fixed(200, 'room again')
      assert.equal((await exchange(own.port, GET)).text, 'room again')
    })
  })

  test('refuses at once when too many wait for a connection', async () => {
    upstream.answer = never
    await withForwarder({ upstream: { targets: [upstream.url], connections: 1 } }, async (own) => {
      const [backend] = own.upstream.backends
      assert.ok(backend)
      backend.pending += 1025
      assert.equal((await exchange(own.port, GET)).header('x-code'), 'upstream_unavailable')
      backend.pending -= 1025
    })
  })
})
