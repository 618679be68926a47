/**
 * What a good reverse proxy does to answers: interim ones, trailers, framing, and their ends, good and bad.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { chunked, cutMidBody, early, fixed, informational, raw, untilClose } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { keeper } from '../support/keeper.ts'
import { startPlainProxy, type PlainProxy } from '../support/plain-proxy.ts'
import { connectRaw, exchange, type RawClient, type RawResponse } from '../support/raw-client.ts'
import { until } from '../support/wire.ts'

const TAKES_TRAILERS = { TE: 'trailers', Connection: 'TE' }
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'

suite('a reverse proxy, answers', () => {
  const keep = keeper()
  let plain: PlainProxy

  before(async () => {
    plain = await startPlainProxy(keep)
  })

  /** Every answer to one request, interim ones first. */
  const all = async (client: RawClient, bytes = requestBytes('GET /')): Promise<RawResponse[]> => {
    client.send(bytes)
    const answers: RawResponse[] = []
    do answers.push(await client.response())
    while ((answers.at(-1)?.status ?? 0) < 200)
    return answers
  }
  const statuses = (answers: readonly RawResponse[]) => answers.map(({ status }) => status).join(' ')

  /** One request and all that came of it, on a connection of its own, which must be usable for another. */
  const asked = async (script: string | Parameters<PlainProxy['answering']>[0], bytes?: string) => {
    plain.answering(typeof script === 'string' ? raw(script) : script)
    const client = await connectRaw(plain.port)
    const answers = await all(client, bytes)
    plain.answering(fixed(200, 'next'))
    client.send(requestBytes('GET /next'))
    assert.equal((await client.response()).text, 'next')
    client.destroy()
    return answers
  }

  suite('fields', () => {
    test('of one hop stay there, also those that any of several Connection fields names', async () => {
      const [answer] = await asked(
        fixed(200, 'x', [
          'Connection: X-One',
          'connection: keep-alive, x-TWO',
          'X-One: 1',
          'X-Two: 2',
          'Keep-Alive: timeout=9',
          'Proxy-Authenticate: Basic',
          'Proxy-Connection: keep-alive',
          'Upgrade: h2c',
          'TE: trailers',
          'X-End: to end',
        ]),
      )
      for (const name of ['x-one', 'x-two', 'proxy-authenticate', 'proxy-connection', 'upgrade', 'te'])
        assert.equal(answer?.header(name), undefined, name)
      assert.notEqual(answer?.header('keep-alive'), 'timeout=9')
      assert.equal(answer?.header('x-end'), 'to end')
    })

    test('keep their order and their number; Date, Server and what is empty stay as they are', async () => {
      const date = 'Thu, 01 Jan 1970 00:00:00 GMT'
      const [answer] = await asked(
        fixed(200, 'x', [
          'Set-Cookie: b=2',
          `Date: ${date}`,
          'Server: service/1.0',
          'Set-Cookie: a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT',
          'X-Empty:',
          'Link: </a>; rel=x',
          'Link: </b>; rel=y',
          'Vary: Accept',
          'Vary: Origin',
        ]),
      )
      assert.deepEqual(answer?.all('set-cookie'), ['b=2', 'a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT'])
      assert.deepEqual(answer?.all('date'), [date])
      assert.deepEqual(answer?.all('server'), ['service/1.0'])
      assert.deepEqual(answer?.all('x-empty'), [''])
      assert.deepEqual(answer?.all('link'), ['</a>; rel=x', '</b>; rel=y'])
      assert.deepEqual(answer?.all('vary'), ['Accept', 'Origin'])
      const names = answer?.headers.map(([name]) => name.toLowerCase()) ?? []
      assert.ok(names.indexOf('server') < names.indexOf('x-empty') && names.indexOf('x-empty') < names.indexOf('link'))
    })

    test('of 60 KB arrive, of 70 KB are too many', async () => {
      const lines = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: ${'x'.repeat(990)}`)
      const [answer] = await asked(fixed(200, 'x', lines(60)))
      assert.equal(answer?.headers.filter(([name]) => /^x-\d/i.test(name)).length, 60)
      plain.answering(fixed(200, 'x', lines(70)))
      assert.equal(outcomeOf(await ask(plain.gateway, 'GET /')), '502 upstream_failed')
    })
  })

  suite('interim answers', () => {
    const hint = (link: string) => `HTTP/1.1 103 Early Hints\r\nLink: <${link}>\r\nX-Hint: ${link}\r\n\r\n`

    test('reach the client one by one, in order and before the final one, each with its fields', async () => {
      const answers = await asked(
        informational([hint('/a'), 'HTTP/1.1 102 Processing\r\n\r\n', hint('/b')], fixed(200, 'done')),
      )
      assert.equal(statuses(answers), '103 102 103 200')
      assert.deepEqual(
        answers.map((answer) => answer.header('x-hint')),
        ['/a', undefined, '/b', undefined],
      )
    })

    test('come while the service is still at work', async () => {
      const seen = Promise.withResolvers<void>()
      plain.answering(async (request, connection) => {
        connection.socket.write(hint('/a'))
        await seen.promise
        await fixed(200, 'done')(request, connection)
      })
      const client = await connectRaw(plain.port)
      client.send(requestBytes('GET /'))
      assert.equal((await client.response()).status, 103)
      seen.resolve()
      assert.equal((await client.response()).text, 'done')
      client.destroy()
    })

    for (const [what, interim, seen] of [
      ['100 alone', ['HTTP/1.1 100 Continue\r\n\r\n'], '200'],
      ['100 twice, with fields', ['HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'], '200'],
      ['100 between others', [hint('/a'), 'HTTP/1.1 100 Continue\r\n\r\n', hint('/b')], '103 103 200'],
    ] as const)
      test(`RFC 9110 §15.2.1: ${what}, which nobody asked for, is passed over`, async () => {
        const answers = await asked(informational(interim, fixed(200, 'done')))
        assert.equal(statuses(answers), seen)
        assert.equal(answers.at(-1)?.text, 'done')
      })

    test('100 from the service is not the 100 of the client, who has got it already', async () => {
      plain.answering(async (request, connection) => {
        connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n')
        await fixed(200, 'done')(request, connection)
      })
      const client = await connectRaw(plain.port)
      client.send(requestBytes('POST /', { Expect: '100-continue', 'Content-Length': '4' }))
      assert.equal((await client.response()).status, 100)
      client.send('body')
      assert.equal((await client.response()).status, 200)
      client.destroy()
    })

    test('in their dozens are too many, of whatever kind', async () => {
      for (const one of [hint('/a'), 'HTTP/1.1 100 Continue\r\n\r\n']) {
        plain.answering(informational(Array(33).fill(one), fixed(200, 'done')))
        const client = await connectRaw(plain.port)
        const answers = await all(client)
        assert.equal(answers.at(-1)?.status, 502)
        client.destroy()
      }
    })
  })

  suite('trailers', () => {
    const summed = chunked(['body'], { lines: ['Trailer: X-Sum, X-Late'], trailers: ['X-Sum: 6', 'X-Late: a'] })

    test('that were announced reach a client that takes them, with their announcement', async () => {
      const [answer] = await asked(summed, requestBytes('GET /', TAKES_TRAILERS))
      assert.equal(answer?.text, 'body')
      assert.equal(answer.header('trailer'), 'X-Sum, X-Late')
      assert.deepEqual(answer.trailers, [
        ['x-sum', '6'],
        ['x-late', 'a'],
      ])
    })

    test('that nobody announced reach it too, repeated ones as often as they came', async () => {
      const script = chunked(['body'], { trailers: ['X-Sum: 6', 'X-Many: a', 'X-Many: b'] })
      const [answer] = await asked(script, requestBytes('GET /', TAKES_TRAILERS))
      assert.deepEqual(answer?.trailers, [
        ['x-sum', '6'],
        ['x-many', 'a'],
        ['x-many', 'b'],
      ])
    })

    for (const [who, bytes] of [
      ['a client that did not ask', requestBytes('GET /')],
      ['HTTP/1.0', requestBytes('GET /', TAKES_TRAILERS).replace('HTTP/1.1', 'HTTP/1.0')],
    ] as const)
      test(`do not reach ${who}, nor does their announcement`, async () => {
        plain.answering(summed)
        const answer = await exchange(plain.port, bytes)
        assert.equal(answer.text, 'body')
        assert.deepEqual([answer.header('trailer'), answer.trailers], [undefined, []])
        assert.doesNotMatch(answer.head + answer.text, /x-sum/i)
      })

    test('with a length are none: the announcement is dropped', async () => {
      const [answer] = await asked(fixed(200, 'body', ['Trailer: X-Sum']), requestBytes('GET /', TAKES_TRAILERS))
      assert.deepEqual([answer?.text, answer?.framing, answer?.header('trailer')], ['body', 'length', undefined])
    })

    test('of one hop, of the identity and of cookies are dropped', async () => {
      const trailers = ['Set-Cookie: a=1', 'X-Heimdall-Subject: root', 'Keep-Alive: timeout=9', 'X-Good: 1']
      const [answer] = await asked(chunked(['body'], { trailers }), requestBytes('GET /', TAKES_TRAILERS))
      assert.deepEqual(answer?.trailers, [['x-good', '1']])
    })
  })

  suite('framing', () => {
    for (const [what, script, framing, text] of [
      ['a length', fixed(200, 'body'), 'length', 'body'],
      ['a length of zero', fixed(200, ''), 'length', ''],
      ['chunks', chunked(['bo', 'dy']), 'chunked', 'body'],
      ['no chunk at all', chunked([]), 'chunked', ''],
      ['chunks with extensions', raw(`${CHUNKED}\r\n2;a=b\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n`), 'chunked', 'body'],
      ['the end of the connection', untilClose(['bo', 'dy']), 'chunked', 'body'],
    ] as const)
      test(`${what} becomes ${framing}`, async () => {
        const [answer] = await asked(script)
        assert.deepEqual([answer?.framing, answer?.text], [framing, text])
      })

    for (const [what, script] of [
      ['a length', fixed(200, 'body')],
      ['chunks', chunked(['bo', 'dy'])],
      ['the end of the connection', untilClose(['bo', 'dy'])],
    ] as const)
      test(`HTTP/1.0 is never answered in chunks: ${what}`, async () => {
        plain.answering(script)
        const answer = await exchange(plain.port, requestBytes('GET /').replace('HTTP/1.1', 'HTTP/1.0'))
        assert.deepEqual([answer.text, answer.header('transfer-encoding')], ['body', undefined])
      })

    for (const [what, head] of [
      ['HEAD with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n'],
      ['HEAD in chunks', `${CHUNKED}\r\n`],
      ['HEAD with neither', 'HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n'],
      ['HEAD that is not found', 'HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n'],
    ] as const)
      test(`${what} has no body, and the connection goes on`, async () => {
        plain.answering(raw(head, head.includes('X-A') ? 'end' : 'keep'))
        const client = await connectRaw(plain.port)
        client.send(requestBytes('HEAD /'))
        const answer = await client.response({ method: 'HEAD' })
        assert.equal(answer.header('content-length'), /Content-Length: (\d+)/.exec(head)?.[1])
        plain.answering(fixed(200, 'next'))
        client.send(requestBytes('GET /next'))
        assert.equal((await client.response()).text, 'next')
        client.destroy()
      })

    for (const status of [204, 304])
      test(`${status} has no body, and the connection goes on`, async () => {
        const [answer] = await asked(`HTTP/1.1 ${status} Scripted\r\nETag: "x"\r\nX-A: 1\r\n\r\n`)
        assert.deepEqual([answer?.status, answer?.header('etag'), answer?.text], [status, '"x"', ''])
        assert.equal(answer?.header('transfer-encoding'), undefined)
      })

    for (const [what, bytes] of [
      ['a length and chunks', `${CHUNKED}Content-Length: 5\r\n\r\n5\r\nsplit\r\n0\r\n\r\n`],
      ['a coding that would be lost', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
      ['a coding twice', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n'],
    ] as const)
      test(`${what} is nobody's to guess: 502`, async () => {
        plain.answering(raw(bytes))
        assert.equal(outcomeOf(await ask(plain.gateway, 'GET /')), '502 upstream_failed')
      })

    test('Connection: close is between us and the service: the client keeps its connection', async () => {
      const [answer] = await asked(fixed(200, 'last', ['Connection: close']))
      assert.equal(answer?.text, 'last')
      assert.notEqual(answer.header('connection'), 'close')
    })
  })

  suite('ends', () => {
    for (const [what, script] of [
      ['fewer bytes than announced, then FIN', cutMidBody('end')],
      ['fewer bytes than announced, then RST', cutMidBody('reset')],
      ['no last chunk, then FIN', cutMidBody('end', 'chunked')],
      ['no last chunk, then RST', cutMidBody('reset', 'chunked')],
      ['half a chunk', raw(`${CHUNKED}\r\nff\r\nhalf`, 'end')],
      ['half a chunk size', raw(`${CHUNKED}\r\n5\r\nwhole\r\nf`, 'end')],
      ['a last chunk without its empty line', raw(`${CHUNKED}\r\n5\r\nwhole\r\n0\r\n`, 'end')],
      ['another length among the trailers', raw(`${CHUNKED}\r\n5\r\nwhole\r\n0\r\nContent-Length: 1\r\n\r\n`)],
      ['a chunk longer than it says', raw(`${CHUNKED}\r\n2\r\nwhole\r\n0\r\n\r\n`, 'end')],
    ] as const)
      test(`${what}: the client sees the break, never a clean end`, async () => {
        plain.answering(script)
        const client = await connectRaw(plain.port)
        client.send(requestBytes('GET /'))
        await assert.rejects(client.response(), /truncated/)
        client.destroy()
      })

    test('more bytes than announced are no part of the answer, nor of the next one', async () => {
      const [answer] = await asked('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\n\r\n')
      assert.equal(answer?.text, 'body')
    })

    test('S15: an early answer reaches a client that reads only when it has sent everything', async () => {
      plain.answering(early(413, 'too much'))
      const client = await connectRaw(plain.port)
      client.socket.pause()
      client.send(requestBytes('POST /', { 'Content-Length': String(8 * 1024 * 1024) }))
      client.send(Buffer.alloc(900 * 1024, 'x'))
      await until(() => client.socket.writableLength === 0, 'the body to be taken')
      client.socket.resume()
      const answer = await client.response()
      assert.deepEqual([answer.status, answer.text, answer.header('connection')], [413, 'too much', 'close'])
      assert.equal(await client.closed(), 'end')
      client.destroy()
    })
  })

  suite('flushing', () => {
    /** Milliseconds from a byte's leaving the service to its coming to the client, at the best of three. */
    const delay = async (head: string, first: string) => {
      const delays: number[] = []
      for (let turn = 0; turn < 3; turn += 1) {
        let left = Infinity
        plain.answering((_, { socket }) => {
          socket.write(head)
          setTimeout(() => {
            left = performance.now()
            socket.write(first)
          }, 30)
        })
        const client = await connectRaw(plain.port)
        client.send(requestBytes('GET /'))
        await client.until('\r\n\r\n')
        assert.ok(left === Infinity || turn > 0, 'the head does not wait for the body')
        await client.until('first')
        delays.push(performance.now() - left)
        client.destroy()
      }
      return Math.min(...delays)
    }

    for (const [what, head, first] of [
      ['events', 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n', 'data: first\n\n'],
      ['an unknown length', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n', 'first'],
      ['chunks', `${CHUNKED}\r\n`, '5\r\nfirst\r\n'],
      ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'first'],
    ] as const)
      test(`of ${what}: the head at once, the first byte within 50 ms of the service's`, async () => {
        const took = await delay(head, first)
        assert.ok(took < 50, `${took} ms`)
      })
  })
})
