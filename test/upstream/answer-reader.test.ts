import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { suite, test } from 'node:test'

import { AnswerReader } from '#upstream/answer-reader.ts'

import { answerBytes } from '../support/answer-bytes.ts'
import { Recorded } from '../support/exchange.ts'

/** What comes of bytes that come in pieces and end with the connection. */
async function read(text: string, pieces: readonly number[], method = 'GET') {
  const reader = new AnswerReader()
  const exchange = new Recorded({ method })
  const bytes = Buffer.from(text, 'latin1')
  let progress: string = 'more'
  reader.expect(exchange)
  let at = 0
  for (let turn = 0; at < bytes.length && progress === 'more'; turn += 1) {
    const end = at + (pieces[turn] ?? bytes.length)
    const piece = bytes.subarray(at, end)
    progress = reader.take(Buffer.concat([piece, Buffer.from('stale')]), piece.length)
    at = Math.min(end, bytes.length)
  }
  if (progress === 'more' && reader.endsHere) {
    exchange.ended([])
    progress = 'done'
  }
  const surplus = progress === 'surplus' || (progress === 'done' && at < bytes.length)
  const over = exchange.events.includes('over') ? await exchange.over : undefined
  const said = { persistent: reader.persistent, keepAlive: reader.keepAlive, fault: reader.fault }
  return { progress: surplus ? 'surplus' : progress, over, said, answer: exchange.answer }
}

suite('the reader of answers', () => {
  test('finds the same in the same bytes, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        answerBytes,
        fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 200 }),
        fc.constantFrom('GET', 'HEAD'),
        async (text, pieces, method) => {
          const whole = await read(text, [], method)
          const cut = await read(text, pieces, method)
          assert.deepEqual({ ...cut, said: whole.said.fault === '' ? cut.said : whole.said }, whole)
        },
      ),
      { numRuns: 3000 },
    )
  })

  test('finds the same in bytes that come one by one', async () => {
    const answers = [
      'HTTP/1.1 103 Hint\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\nabc',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\nSum: 3\r\n\r\n',
      'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc',
    ]
    for (const text of answers) {
      const { over } = await read(
        text,
        Array.from(text, () => 1),
      )
      assert.deepEqual(over, (await read(text, [])).over)
      assert.equal(over?.body, 'abc')
    }
  })

  test('refuses at the first byte what cannot become an answer', async () => {
    for (const text of ['S', 'HTTQ', 'HTTP/2', '\r\n', ' HTTP/1.1', 'http'])
      assert.equal((await read(text, [])).progress, 'malformed', text)
    for (const text of ['H', 'HTTP/1.', 'HTTP/1.1 200']) assert.equal((await read(text, [])).progress, 'more', text)
  })

  test('refuses a head beyond 64 KiB, whether it ends or not', async () => {
    const head = (size: number) => `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ${'x'.repeat(size)}`
    assert.equal((await read(`${head(60_000)}\r\n\r\n`, [])).progress, 'done')
    for (const text of [`${head(65_600)}\r\n\r\n`, head(65_600)])
      for (const pieces of [[], Array.from({ length: 200 }, () => 1000)])
        assert.equal((await read(text, pieces)).progress, 'malformed')
  })

  test('takes a head that drips in single bytes without searching all of it each time', async () => {
    const text = `HTTP/1.1 103 Hint\r\n\r\nHTTP/1.1 200 OK\r\nX: ${'\r'.repeat(65_000)}\r\n\r\n`
    const began = process.cpuUsage()
    const { said } = await read(
      text,
      Array.from(text, () => 1),
    )
    assert.equal(said.fault, 'a control character in x')
    assert.ok(process.cpuUsage(began).user < 5_000_000)
  })

  test('keeps no connection behind what could hide more', async () => {
    for (const [text, method, persistent] of [
      ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'GET', true],
      ['HTTP/1.1 204 No\r\n\r\n', 'GET', true],
      ['HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n', 'GET', true],
      ['HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n', 'GET', false],
      ['HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n', 'GET', false],
      ['HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n', 'GET', false],
      ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', 'GET', false],
      ['HTTP/1.1 200 OK\r\n\r\nabc', 'GET', false],
    ] as const) {
      const { progress, said } = await read(text, [], method)
      assert.deepEqual([progress, said.persistent], ['done', persistent], text)
    }
  })

  test('tells nothing more to whom has had enough in the middle', () => {
    const reader = new AnswerReader()
    const exchange = new Recorded()
    reader.expect(exchange)
    exchange.onData = () => reader.stop()
    const chunks = '1\r\na\r\n1\r\nb\r\n0\r\n\r\n'
    const bytes = Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`)
    reader.take(bytes, bytes.length)
    assert.deepEqual([exchange.size, exchange.events], [1, ['answered 200']])
  })

  test('has a 101 that nobody asked for refused', async () => {
    const { progress, said } = await read('HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n', [])
    assert.deepEqual([progress, said.fault], ['malformed', '101 to a request without upgrade'])
  })
})
