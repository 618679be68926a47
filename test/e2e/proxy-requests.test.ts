/**
 * What a good reverse proxy does to requests, byte for byte: framing, fields of one hop, query, methods, versions.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { early, echo, fixed, never } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { keeper } from '../support/keeper.ts'
import { startPlainProxy, type PlainProxy } from '../support/plain-proxy.ts'
import { connectRaw, exchange } from '../support/raw-client.ts'

suite('a reverse proxy, requests', () => {
  const keep = keeper()
  let plain: PlainProxy

  before(async () => {
    plain = await startPlainProxy(keep)
  })

  const asked = async (line: string, headers: Parameters<typeof ask>[2] = {}, body = '') => {
    const met = plain.answering(fixed(200, 'ok'))
    const response = await ask(plain.gateway, line, headers, body)
    assert.equal(response.status, 200)
    return met().request
  }

  suite('fields of one hop', () => {
    const dropped = ['x-one', 'x-two', 'x-three', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade']

    test('go no further, nor do those that any of several Connection fields names in any case', async () => {
      const request = await asked('GET /', [
        ['Connection', 'keep-alive, X-One'],
        ['X-One', '1'],
        ['connection', ' , x-TWO ,,X-Three'],
        ['X-Two', '2'],
        ['X-Three', '3'],
        ['Keep-Alive', 'timeout=5'],
        ['Proxy-Connection', 'keep-alive'],
        ['TE', 'gzip;q=0.5'],
        ['Trailer', 'X-Sum'],
        ['Upgrade', 'h2c'],
        ['Proxy-Authorization', 'Basic eA=='],
        ['X-End', 'to end'],
      ])
      for (const name of [...dropped, 'proxy-authorization']) assert.equal(request.header(name), undefined, name)
      assert.equal(request.header('x-end'), 'to end')
      assert.ok(request.all('connection').length <= 1)
    })

    test('an empty Connection names nothing, and does not go on', async () => {
      const request = await asked('GET /', [
        ['Connection', ''],
        ['X-One', '1'],
      ])
      assert.equal(request.header('x-one'), '1')
      assert.ok(request.all('connection').every((value) => value === 'keep-alive'))
    })

    for (const [te, told] of [
      ['trailers', 'trailers'],
      ['gzip, trailers', 'trailers'],
      ['trailers;q=0.5, deflate', undefined],
      ['xtrailers', undefined],
    ] as const)
      test(`of TE: ${te} the service is told ${told ?? 'nothing'}`, async () => {
        const request = await asked('GET /', { TE: te, Connection: 'TE' })
        assert.equal(request.header('te'), told)
      })
  })

  suite('what is not there', () => {
    test('is not made up: no User-Agent, no Accept, no Accept-Encoding, no Content-Type, no body', async () => {
      const request = await asked('GET /')
      for (const name of ['user-agent', 'accept', 'accept-encoding', 'content-type', 'content-length'])
        assert.equal(request.header(name), undefined, name)
      assert.equal(request.header('transfer-encoding'), undefined)
    })

    test('an empty User-Agent stays empty', async () => {
      assert.deepEqual((await asked('GET /', { 'User-Agent': '' })).all('user-agent'), [''])
    })

    test('an empty field stays, and repeated ones stay apart and in order', async () => {
      const request = await asked('GET /', [
        ['X-Empty', ''],
        ['X-Many', 'b'],
        ['X-Other', 'o'],
        ['X-Many', 'a'],
        ['Accept', 'text/html, */*;q=0.1'],
      ])
      assert.deepEqual(request.all('x-empty'), [''])
      assert.deepEqual(request.all('x-many'), ['b', 'a'])
      assert.deepEqual(request.all('accept'), ['text/html, */*;q=0.1'])
    })

    test('names keep their spelling and their order', async () => {
      const request = await asked('GET /', { 'X-lower': '1', 'X-UPPER': '2', 'x-Mixed-CASE': '3' })
      const names = request.headers.map(([name]) => name).filter((name) => /^x-(?:lower|upper|mixed)/i.test(name))
      assert.deepEqual(names, ['X-lower', 'X-UPPER', 'x-Mixed-CASE'])
    })
  })

  suite('the target', () => {
    for (const target of [
      '/?',
      '/??',
      '/?a=1&a=2&&b',
      '/?a=1;b=2',
      '/?a=%zz&b=%',
      '/?a=%GG%2',
      '/?q=a+b%20c%2B',
      '/?=&==&&',
      '/?a[]=1&a[b]=2',
      '/?url=http://other.test/?x=y',
      '/?../..',
      "/a'b(c)!$*,:@",
      '/%7e/%41',
    ])
      test(`${target} arrives as it was judged, byte for byte`, async () => {
        assert.equal((await asked(`GET ${target}`)).line, `GET ${target} HTTP/1.1`)
      })

    test('in absolute form is sent in origin form, under the host that it names', async () => {
      const request = await asked('GET http://gateway.test/path?x', { Host: 'gateway.test' })
      assert.equal(request.line, 'GET /path?x HTTP/1.1')
      assert.deepEqual(request.all('host'), ['gateway.test'])
    })

    test('of CONNECT leads nowhere', async () => {
      const seen = plain.upstream.requests.length
      const client = await connectRaw(plain.port)
      client.send('CONNECT gateway.test:80 HTTP/1.1\r\nHost: gateway.test\r\n\r\nhidden')
      assert.equal((await client.response()).status, 405)
      await client.closed()
      client.destroy()
      assert.equal(plain.upstream.requests.length, seen)
    })
  })

  suite('bodies', () => {
    for (const [what, line, headers, framing] of [
      ['GET without one', 'GET /', {}, []],
      ['HEAD without one', 'HEAD /', {}, []],
      ['DELETE without one', 'DELETE /', {}, []],
      ['POST of zero bytes', 'POST /', { 'Content-Length': '0' }, ['content-length: 0']],
      ['PUT of zero bytes', 'PUT /', { 'Content-Length': '0' }, ['content-length: 0']],
      ['POST without a length', 'POST /', {}, ['content-length: 0']],
    ] as const)
      test(`${what}: framed as ${framing.join() || 'none'}`, async () => {
        const met = plain.answering(fixed(200))
        const client = await connectRaw(plain.port)
        client.send(requestBytes(line, headers))
        await client.response({ method: line.startsWith('HEAD') ? 'HEAD' : 'GET' })
        client.destroy()
        const told = met().request.headers.map(([name, value]) => `${name}: ${value}`.toLowerCase())
        const framed = told.filter((field) => /^(?:content-length|transfer-encoding):/.test(field))
        assert.deepEqual(framed, [...framing])
      })

    test('that are longer than announced are another request, and no part of this one', async () => {
      const met = plain.answering(fixed(200))
      const client = await connectRaw(plain.port)
      client.send(requestBytes('POST /', { 'Content-Length': '3' }, 'abcdef'))
      await client.response()
      client.destroy()
      assert.equal(met().request.body.toString(), 'abc')
    })

    test('that never come whole are never whole for the service', async () => {
      const met = plain.answering(echo)
      for (const end of ['end', 'destroy', 'reset'] as const) {
        const seen = plain.upstream.requests.length
        const client = await connectRaw(plain.port)
        client.send(requestBytes('POST /', { 'Content-Length': '10' }, 'abc'))
        await plain.upstream.arrived(seen + 1)
        client[end]()
        await assert.rejects(plain.upstream.requests[seen]?.whole ?? Promise.resolve())
        client.destroy()
      }
      assert.equal(met().request.done, false)
    })
  })

  suite('Expect: 100-continue', () => {
    const expecting = { Expect: '100-continue', 'Content-Length': '4' }

    test('is met when the service is there, and not passed on', async () => {
      const met = plain.answering(echo)
      const client = await connectRaw(plain.port)
      client.send(requestBytes('POST /', expecting))
      assert.equal((await client.response()).status, 100)
      client.send('body')
      const answer = await client.response()
      assert.deepEqual([answer.status, answer.text], [200, 'body'])
      client.destroy()
      assert.equal(met().request.header('expect'), undefined)
    })

    test('needs no patience: a body that does not wait is taken', async () => {
      plain.answering(echo)
      assert.equal((await ask(plain.gateway, 'POST /', expecting, 'body')).text, 'body')
    })

    test('is followed by an early answer, and the end of a body that nobody reads', async () => {
      plain.answering(early(413, 'too much'))
      const client = await connectRaw(plain.port)
      client.send(requestBytes('POST /', { ...expecting, 'Content-Length': '400000' }))
      assert.equal((await client.response()).status, 100)
      client.send('x'.repeat(1000))
      assert.equal((await client.response()).status, 413)
      assert.equal(await client.closed(), 'end')
      client.destroy()
    })
  })

  suite('older clients', () => {
    for (const [connection, end] of [
      ['', 'end'],
      ['Connection: keep-alive\r\n', undefined],
    ] as const)
      test(`HTTP/1.0 ${connection === '' ? 'without' : 'with'} keep-alive: spoken to in HTTP/1.1 at the service`, async () => {
        const met = plain.answering(fixed(200, 'ok'))
        const client = await connectRaw(plain.port)
        client.send(`GET / HTTP/1.0\r\nHost: gateway.test\r\n${connection}\r\n`)
        assert.equal((await client.response()).text, 'ok')
        if (end !== undefined) assert.equal(await client.closed(), end)
        client.destroy()
        assert.equal(met().request.line, 'GET / HTTP/1.1')
      })

    test('HTTP/1.0 without Host is refused: nobody could tell whom it means', async () => {
      plain.answering(never)
      assert.equal(outcomeOf(await exchange(plain.port, 'GET / HTTP/1.0\r\n\r\n')), '400 host_invalid')
    })
  })
})
