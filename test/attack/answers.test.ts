/**
 * Services that misbehave: what they say may neither split the client's answers nor exhaust the gateway.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, suite, test } from 'node:test'

import { room } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { startFortress, type Fortress } from '../support/fortress.ts'
import { keeper } from '../support/keeper.ts'
import { connectRaw } from '../support/raw-client.ts'
import { sample } from '../support/samples.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n'
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'

/** Heads that must not be believed: the client gets a 502 and none of their bytes. */
const broken: readonly (readonly [string, string])[] = [
  ['a bare CR in a field', `${OK}X-A: a\rSet-Cookie: split=1\r\n\r\nok`],
  ['a bare LF in a field', `${OK}X-A: a\nSet-Cookie: split=1\r\n\r\nok`],
  ['a folded field', `${OK}X-A: a\r\n split: 1\r\n\r\nok`],
  ['NUL in a field', `${OK}X-A: a\0split\r\n\r\nok`],
  ['a control in a field', `${OK}X-A: a\x01split\r\n\r\nok`],
  ['DEL in a field', `${OK}X-A: a\x7fsplit\r\n\r\nok`],
  ['a space in a name', `${OK}X A: split\r\n\r\nok`],
  ['CVE-2026-1525, two lengths alike', `${OK}Content-Length: 2\r\n\r\nok`],
  ['CVE-2026-1525, two lengths', `${OK}Content-Length: 22\r\n\r\nok`],
  ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok'],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok'],
  ['a length beyond all numbers', 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok'],
  ['a length and chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nsplit\r\n0\r\n\r\n`],
  ['chunks and a length', `${CHUNKED}Content-Length: 2\r\n\r\n5\r\nsplit\r\n0\r\n\r\n`],
  ['status 099', 'HTTP/1.1 099 split\r\nContent-Length: 2\r\n\r\nok'],
  ['status 000', 'HTTP/1.1 000 split\r\nContent-Length: 2\r\n\r\nok'],
  ['status 1000', 'HTTP/1.1 1000 split\r\nContent-Length: 2\r\n\r\nok'],
  ['a 101 that nobody asked for', 'HTTP/1.1 101 split\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nsplit'],
  ['no HTTP', 'split\r\n\r\n'],
  ['a head of 70 kB', `${OK}X-A: split${'a'.repeat(70_000)}\r\n\r\nok`],
]

/** Answers that are passed on, with what the client must see of them. */
const odd: readonly (readonly [string, string, string])[] = [
  ['a body behind a 204', 'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nsplit', '204'],
  ['a body behind a 304', 'HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\nsplit', '304'],
  ['a length in a 103', `HTTP/1.1 103 Hint\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n${OK}\r\nok`, '103 200'],
  ['chunks in a 103', `HTTP/1.1 103 Hint\r\nTransfer-Encoding: chunked\r\n\r\n${OK}\r\nok`, '103 200'],
  ['a second answer', `${OK}\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsplit`, '200'],
  ['names of JavaScript', `${OK}__proto__: a\r\n__proto__: b\r\nconstructor: c\r\n0: d\r\n\r\nok`, '200'],
  [
    'hop-by-hop fields',
    `${OK}Connection: X-Split, close\r\nX-Split: split\r\nUpgrade: h2c\r\nKeep-Alive: split\r\n\r\nok`,
    '200',
  ],
  ['managed trailers', `${CHUNKED}\r\n2\r\nok\r\n0\r\nX-Heimdall-Subject: split\r\nSet-Cookie: split=1\r\n\r\n`, '200'],
]

suite('answers of a hostile service', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  /** Lets the service send some bytes and asks twice on one connection: the second answer must be the second's. */
  const exchangeTwice = async (bytes: string) => {
    const { upstream, port } = fortress
    let scripted = true
    upstream.answer = async (request, { socket }) => {
      await request.whole
      socket.write(Buffer.from(scripted ? bytes : 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond', 'latin1'))
      scripted = false
    }
    const client = await connectRaw(port)
    client.send(requestBytes('GET /public/a', { TE: 'trailers', Connection: 'TE' }))
    const answers = []
    do answers.push(await client.response())
    while ((answers.at(-1)?.status ?? 0) < 200)
    client.send(requestBytes('GET /public/b'))
    const second = await client.response()
    client.destroy()
    assert.equal(second.text, 'second')
    return answers
  }

  for (const [what, bytes] of broken)
    test(`${what} is answered with 502`, async () => {
      const [answer] = await exchangeTwice(bytes)
      assert.ok(answer !== undefined)
      assert.equal(outcomeOf(answer), '502 upstream_failed')
      assert.doesNotMatch(answer.head + answer.text, /split/i)
    })

  for (const [what, bytes, statuses] of odd)
    test(`${what}: the client sees ${statuses} and nothing else`, async () => {
      const answers = await exchangeTwice(bytes)
      assert.equal(answers.map((answer) => answer.status).join(' '), statuses)
      for (const answer of answers) {
        assert.doesNotMatch(answer.head + answer.text, /split|upgrade:/i)
        assert.deepEqual(answer.trailers, [])
        if (answer.status < 200) assert.doesNotMatch(answer.head, /content-length|transfer-encoding/i)
      }
    })

  test('a flood of 1xx answers to a client that does not read ends in a bounded memory', async () => {
    const { upstream, gateway, port } = fortress
    const interim = Buffer.from(`HTTP/1.1 103 Hint\r\nLink: <${'x'.repeat(1000)}>\r\n\r\n`.repeat(64))
    let sent = 0
    upstream.answer = async (_, { socket }) => {
      const end = performance.now() + 2000
      for (; !socket.destroyed && performance.now() < end; sent += interim.length)
        if (!socket.write(interim)) await room(socket)
    }
    const before = residentMiB(gateway.pid)
    const client = await connectRaw(port)
    client.socket.pause()
    client.send(requestBytes('GET /public/flood'))
    const { outcome } = await gateway.line(({ path }) => path === '/public/flood')
    assert.equal(outcome, 'upstream_failed')
    assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`)
    assert.ok(residentMiB(gateway.pid) - before < 64)
    client.destroy()
  })

  test('none of it leaves anything behind', async () => {
    const { gateway, upstream } = fortress
    upstream.answer = (_, { socket }) => void socket.write(`${OK}\r\nok`)
    assert.equal(outcomeOf(await ask(gateway, 'GET /public/x')), '200')
    assert.equal(gateway.errors(), '')
    assert.equal(sample(await gateway.metrics(), 'heimdall_requests_in_flight'), 0)
    assert.equal(sample(await gateway.metrics(), 'heimdall_requests_total', { outcome: 'internal_error' }), 0)
  })
})

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
