import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'

import { chunked, early, echo, fixed, informational, raw, reused, unsolicited } from '../support/answers.ts'
import { startForwarder, type Forwarder } from '../support/forwarder.ts'
import { connectRaw, exchange } from '../support/raw-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { until } from '../support/wire.ts'

let upstream: Upstream
let gateway: Forwarder

before(async () => {
  upstream = await startUpstream(fixed(200, 'hello'))
  gateway = await startForwarder({ upstream: upstream.url })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

/** The last request that reached the upstream. */
function last() {
  const request = upstream.requests.at(-1)
  assert.ok(request)
  return request
}

const get = (headers = '') => `GET /a?b=c HTTP/1.1\r\nHost: shop.test\r\n${headers}\r\n`

suite('forward, requests', () => {
  test('sends path, query and Host byte for byte', async () => {
    upstream.answer = fixed(200, 'hello')
    const answer = await exchange(gateway.port, 'GET /a%41;x/b?q=%2F&r=a+b|c HTTP/1.1\r\nHost: Shop.Test:8080\r\n\r\n')
    assert.equal(answer.text, 'hello')
    assert.equal(last().line, 'GET /a%41;x/b?q=%2F&r=a+b|c HTTP/1.1')
    assert.deepEqual(last().all('host'), ['Shop.Test:8080'])
  })

  test('sends the target its own Host and path prefix where the file says so', async () => {
    const own = await startForwarder({ upstream: { targets: [`${upstream.url}/base/`], host: 'upstream' } })
    await exchange(own.port, get())
    await own.close()
    assert.equal(last().line, 'GET /base/a?b=c HTTP/1.1')
    assert.deepEqual(last().all('host'), [`127.0.0.1:${upstream.port}`])
  })

  test('keeps fields, repeated ones and bytes above 0x7f as they came', async () => {
    await exchange(gateway.port, get('X-A: 1\r\nX-A: 2\r\nX-Bytes: \x85b\xff\r\n__proto__: x\r\n'))
    assert.deepEqual(last().all('x-a'), ['1', '2'])
    assert.equal(last().header('x-bytes'), '\x85b\xff')
    assert.equal(last().header('__proto__'), 'x')
  })

  test('sends no framing with a request that has no body', async () => {
    await exchange(gateway.port, get())
    assert.equal(last().header('content-length'), undefined)
    assert.equal(last().header('transfer-encoding'), undefined)
  })

  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'OPTIONS']) {
    test(`frames a body of known length on ${method} by its length alone`, async () => {
      await exchange(gateway.port, `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde`)
      assert.deepEqual(last().all('content-length'), ['5'])
      assert.equal(last().header('transfer-encoding'), undefined)
      assert.equal(last().body.toString(), 'abcde')
    })

    test(`frames a chunked body on ${method} in chunks alone, also one that looks like a request`, async () => {
      const before = upstream.requests.length
      const hidden = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'
      const head = `${method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`
      const client = await connectRaw(gateway.port)
      client.send(head)
      client.send(`${hidden.length.toString(16)}\r\n${hidden}\r\n`)
      await upstream.arrived(before + 1)
      client.send('0\r\nX-Trailer: 1\r\n\r\n')
      assert.equal((await client.response()).status, 200)
      client.destroy()
      assert.equal(upstream.requests.length, before + 1)
      assert.deepEqual(last().all('transfer-encoding'), ['chunked'])
      assert.equal(last().header('content-length'), undefined)
      assert.equal(last().body.toString(), hidden)
      assert.deepEqual(last().trailers, [], 'request trailers are dropped')
    })
  }

  test('sends an empty POST with a length of zero', async () => {
    await exchange(gateway.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
    assert.deepEqual(last().all('content-length'), ['0'])
    await exchange(gateway.port, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
    assert.equal(last().size, 0)
    assert.ok(last().done)
  })

  test('lets each pipelined request be answered in order', async () => {
    upstream.answer = async (request, connection) => fixed(200, request.target)(request, connection)
    const client = await connectRaw(gateway.port)
    client.send(
      'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n',
    )
    const texts = [await client.response(), await client.response(), await client.response()].map(({ text }) => text)
    client.destroy()
    assert.deepEqual(texts, ['/1', '/2', '/3'])
  })

  test('uses one upstream connection for requests one after another', async () => {
    upstream.answer = fixed(200, 'hello')
    const own = await startForwarder({ upstream: upstream.url })
    const before = upstream.connections.length
    for (let count = 0; count < 5; count += 1) await exchange(own.port, get())
    await own.close()
    assert.equal(upstream.connections.length, before + 1)
  })

  test('shares no connection after a credential that authenticates the connection', async () => {
    upstream.answer = fixed(200, 'hello')
    const own = await startForwarder({ upstream: upstream.url })
    for (const scheme of ['NTLM TlRMTVNTUAAB', 'Negotiate YII=']) {
      await exchange(own.port, get(`Authorization: ${scheme}\r\n`))
      const { connection } = last()
      await until(() => upstream.connections[connection]?.closedAt !== undefined, 'the connection to be closed')
      await exchange(own.port, get())
      assert.notEqual(last().connection, connection)
    }
    await own.close()
  })

  test('sends Expect to nobody, and 100 Continue only once the upstream is there', async () => {
    upstream.answer = echo
    const client = await connectRaw(gateway.port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
    assert.equal((await client.response()).status, 100)
    client.send('abc')
    assert.equal((await client.response()).text, 'abc')
    client.destroy()
    assert.equal(last().header('expect'), undefined)
    assert.deepEqual(last().all('content-length'), ['3'])
  })

  test('asks nobody for a body that the refusal does not need', async () => {
    const dead = await startForwarder({ upstream: 'http://127.0.0.1:1' })
    const client = await connectRaw(dead.port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
    assert.equal((await client.response()).status, 502)
    client.destroy()
    await dead.close()
  })
})

suite('forward, body limits', () => {
  const limited = async (request: string | string[]) => {
    const own = await startForwarder({ upstream: upstream.url, plan: { maxBody: 10 } })
    const client = await connectRaw(own.port)
    for (const part of [request].flat()) client.send(part)
    const answer = await client.response()
    const end = await client.closed()
    await own.close()
    return { answer, end, outcome: own.outcomes[0] }
  }

  test('refuses a longer body by its announcement, before any contact with the upstream', async () => {
    const before = upstream.requests.length
    const { answer, outcome } = await limited('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n')
    assert.equal(answer.header('x-code'), 'body_too_large')
    assert.equal(outcome?.target, undefined)
    assert.equal(upstream.requests.length, before)
  })

  test('refuses a longer chunked body when it gets there, and aborts the upstream', async () => {
    upstream.answer = echo
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    const { answer } = await limited([head, '6\r\n123456\r\n', '6\r\n123456\r\n'])
    assert.equal(answer.header('x-code'), 'body_too_large')
    await assert.rejects(last().whole)
  })

  test('lets a body of exactly the limit through', async () => {
    upstream.answer = echo
    const own = await startForwarder({ upstream: upstream.url, plan: { maxBody: 10 } })
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    const answer = await exchange(own.port, `${head}a\r\n1234567890\r\n0\r\n\r\n`)
    await own.close()
    assert.equal(answer.text, '1234567890')
  })
})

suite('forward, answers', () => {
  test('keeps every Set-Cookie, in order', async () => {
    upstream.answer = fixed(200, '', ['Set-Cookie: a=1', 'Set-Cookie: b=2; Path=/', 'Set-Cookie: c=3'])
    const answer = await exchange(gateway.port, get())
    assert.deepEqual(answer.all('set-cookie'), ['a=1', 'b=2; Path=/', 'c=3'])
  })

  test('drops hop-by-hop fields, those that Connection names, and managed names', async () => {
    upstream.answer = fixed(200, 'x', [
      'Connection: keep-alive, X-Private',
      'X-Private: 1',
      'Keep-Alive: timeout=9',
      'Proxy-Authenticate: Basic',
      'Upgrade: h2c',
      'X-Heimdall-Subject: forged',
      'X-Public: 1',
    ])
    const answer = await exchange(gateway.port, get())
    for (const name of ['x-private', 'proxy-authenticate', 'upgrade', 'x-heimdall-subject'])
      assert.equal(answer.header(name), undefined, name)
    assert.equal(answer.header('x-public'), '1')
    assert.notEqual(answer.header('keep-alive'), 'timeout=9')
  })

  test('adds the headers of the plan', async () => {
    const own = await startForwarder({ upstream: upstream.url, plan: { responseHeaders: ['X-Request-Id', 'r1'] } })
    const answer = await exchange(own.port, get())
    await own.close()
    assert.deepEqual(answer.all('x-request-id'), ['r1'])
  })

  test('keeps the length of an answer to HEAD and sends no body', async () => {
    upstream.answer = raw('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n')
    const client = await connectRaw(gateway.port)
    client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
    const answer = await client.response({ method: 'HEAD' })
    assert.equal(answer.header('content-length'), '1234')
    upstream.answer = fixed(200, 'next')
    client.send(get())
    assert.equal((await client.response()).text, 'next')
    client.destroy()
  })

  test('sends 204 and 304 without a body', async () => {
    for (const status of [204, 304]) {
      upstream.answer = fixed(status, '', ['ETag: "x"'])
      const client = await connectRaw(gateway.port)
      client.send(get())
      assert.equal((await client.response()).status, status)
      upstream.answer = fixed(200, 'next')
      client.send(get())
      assert.equal((await client.response()).text, 'next', `after ${status}`)
      client.destroy()
    }
  })

  test('drops the length of a 204, which must have none', async () => {
    upstream.answer = raw('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n')
    const answer = await exchange(gateway.port, get())
    assert.equal(answer.header('content-length'), undefined)
  })

  test('passes chunks on, and trailers to clients that take them', async () => {
    upstream.answer = chunked(['one', 'two'], {
      lines: ['Trailer: X-Sum'],
      trailers: ['X-Sum: 6', 'X-Heimdall-Subject: forged', 'Set-Cookie: a=b'],
    })
    const with_ = await exchange(gateway.port, get('TE: trailers\r\nConnection: TE\r\n'))
    assert.equal(with_.text, 'onetwo')
    assert.deepEqual(with_.trailers, [['x-sum', '6']])
    assert.equal(last().header('te'), 'trailers')
    const without = await exchange(gateway.port, get())
    assert.equal(without.text, 'onetwo')
    assert.deepEqual(without.trailers, [])
    assert.equal(without.header('trailer'), undefined)
    assert.equal(last().header('te'), undefined)
  })

  test('announces no trailers where there is no body', async () => {
    const line = 'Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n'
    for (const [method, status] of [
      ['HEAD', 200],
      ['GET', 304],
      ['GET', 204],
    ] as const) {
      upstream.answer = raw(`HTTP/1.1 ${status} X\r\n${line}`)
      const client = await connectRaw(gateway.port)
      client.send(get('TE: trailers\r\nConnection: TE\r\n').replace('GET', method))
      const answer = await client.response({ method })
      client.destroy()
      assert.deepEqual([answer.status, answer.header('trailer')], [status, undefined])
    }
  })

  test('speaks no chunks and no 1xx to HTTP/1.0', async () => {
    upstream.answer = informational(['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'], chunked(['one', 'two']))
    const answer = await exchange(gateway.port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n')
    assert.equal(answer.framing, 'close')
    assert.equal(answer.text, 'onetwo')
  })

  test('passes 102 and 103 on before the answer', async () => {
    upstream.answer = informational(
      ['HTTP/1.1 102 Processing\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Heimdall-Roles: x\r\n\r\n'],
      fixed(200, 'done'),
    )
    const client = await connectRaw(gateway.port)
    client.send(get())
    const answers = [await client.response(), await client.response(), await client.response()]
    client.destroy()
    assert.deepEqual(
      answers.map(({ status }) => status),
      [102, 103, 200],
    )
    assert.equal(answers[1]?.header('link'), '</a>')
    assert.equal(answers[1]?.header('x-heimdall-roles'), undefined)
  })

  test('refuses a 101 that nobody asked for', async () => {
    for (const head of [
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    ]) {
      upstream.answer = raw(head)
      const answer = await exchange(gateway.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx')
      assert.equal(answer.header('x-code'), 'upstream_failed')
    }
  })

  test('passes an early answer on while the client still uploads, then closes', async () => {
    upstream.answer = early(413, 'too much')
    const client = await connectRaw(gateway.port)
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(100_000)}`)
    const answer = await client.response()
    assert.equal(answer.status, 413)
    assert.equal(answer.text, 'too much')
    assert.equal(answer.header('connection'), 'close')
    client.send('y'.repeat(200_000))
    assert.equal(await client.closed(), 'end')
    client.destroy()
  })

  test('relays both ways at once when the upstream answers while it reads', async () => {
    upstream.answer = async (request, { socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n')
      await request.whole
      socket.write(`${request.body.length.toString(16)}\r\n`)
      socket.write(request.body)
      socket.write('\r\n0\r\n\r\n')
    }
    const client = await connectRaw(gateway.port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc')
    await client.until('first')
    client.send('def')
    assert.equal((await client.response()).text, 'firstabcdef')
    client.destroy()
  })

  test('gives no client an answer that nobody asked for', async () => {
    for (const gap of [0, 20]) {
      upstream.answer = reused(unsolicited('mine', 'POISON', gap), fixed(200, 'yours'))
      const own = await startForwarder({ upstream: upstream.url })
      const index = upstream.connections.length
      const first = await exchange(own.port, get())
      if (gap > 0)
        await until(() => upstream.connections[index]?.closedAt !== undefined, 'the connection to be dropped')
      upstream.answer = fixed(200, 'yours')
      const second = await exchange(own.port, get())
      await own.close()
      assert.equal(first.text, 'mine')
      assert.equal(second.text, 'yours')
    }
  })

  test('tells how it went', async () => {
    upstream.answer = fixed(201, 'hello')
    const own = await startForwarder({ upstream: upstream.url })
    await exchange(own.port, get())
    await own.close()
    const [outcome] = own.outcomes
    assert.ok(outcome)
    const { upstream_ms, ...rest } = outcome
    assert.ok(upstream_ms > 0)
    assert.deepEqual(rest, { answered: true, denial: undefined, status: 201, bytes: 5, target: upstream.url })
  })
})
