/**
 * Thousands of requests put together at random from what goes wrong, with a byte changed here and there.
 *
 * The seed is fixed, so that a failure can be had again; `FUZZ_SEED` and `FUZZ_ROUNDS` go further by hand.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { before, suite, test } from 'node:test'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { API_KEY, startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import { keeper } from '../support/keeper.ts'
import { assertSafe } from '../support/oracles.ts'
import { sample } from '../support/samples.ts'
import { until } from '../support/wire.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 1500)
const AT_ONCE = 16
const PATIENCE = 250 // milliseconds a request may take that is not meant to be answered

/** A generator of numbers in [0, 1) with a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const methods = ['GET', 'GET', 'POST', 'HEAD', 'DELETE', 'OPTIONS', 'PUT', 'QUERY', 'TRACE', 'CONNECT', 'PRI', 'get']
const targets = [
  ['/public/x', '/admin/x', '/roles/x', '/maybe', '/small', '/limited', '/cors', '/shadow', '/plain', '/strip/a'],
  ['/rewrite/q/z', '/encoded/a%2fb', '*', '//a', '/public/../admin/x', '/public/%2e%2e/admin/x', '/admin%2fx'],
  ['/strip/..%2fadmin', '/rewrite/%2e%2e/admin', '/rewrite/..;/admin', '/encoded/..%2fadmin/x', '/%61dmin/x'],
  ['http://gateway.test/public/x', 'http://evil.test/admin/x', '/public/x?a=/../admin', '/admin;a/x', '/public/%5c'],
].flat()
const names = [
  ['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Expect', 'Upgrade', 'TE', 'Trailer', 'Keep-Alive'],
  ['Authorization', 'X-API-Key', 'X_API_Key', 'Cookie', 'Origin', 'Access-Control-Request-Method', 'Content-Type'],
  ['X-Heimdall-Subject', 'X_Heimdall_Subject', 'X.Heimdall.Roles', 'X-Forwarded-For', 'Forwarded', 'X-Original-URL'],
  ['__proto__', 'constructor', '0', 'X-Request-Id', 'traceparent', 'Sec-WebSocket-Key', 'Proxy-Connection', 'Via'],
].flat()
const values = [
  ['', 'a', '0', '5', '05', '+5', '5, 5', '99999999999', 'chunked', 'gzip, chunked', 'identity', 'close', 'null'],
  ['keep-alive, X-Heimdall-Subject', 'X-Forwarded-For, X-Request-Id', 'upgrade', 'Upgrade, HTTP2-Settings', 'GET'],
  ['websocket', 'h2c', '100-continue', 'miracles', 'Bearer a.b.c', 'Basic eDp5', API_KEY, 'https://app.test'],
  ['\x85admin\xa0', 'a\tb', 'a\0b', 'a\rb', 'a\nb', 'root', '127.0.0.1', 'gateway.test:80', '[::1]', 'x'.repeat(300)],
].flat()
const bodies = [
  ['', 'hello', '5\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\nX-Heimdall-Subject: root\r\n\r\n', 'x'.repeat(2000)],
  [
    '0\r\n\r\nGET /admin/hidden HTTP/1.1\r\nHost: a\r\n\r\n',
    '5\nhello\r\n0\r\n\r\n',
    'ffffffffffffffff\r\nx',
    '-1\r\n',
  ],
].flat()
const changes = ['', '\r', '\n', '\0', ' ', '\t', '\x7f', '\xff', '%', ';', '/', '\\', ':', ',', '\r\n']
const handshake =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** Makes requests as bytes in latin1. */
function requestsFrom(random: () => number, credential: string): () => string {
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)] ?? ''
  const chance = (share: number) => random() < share

  const request = () => {
    const version = chance(0.95) ? '1.1' : pick(['1.0', '2.0', '0.9'])
    let head = `${pick(methods)} ${pick(targets)} HTTP/${version}\r\n${chance(0.95) ? 'Host: gateway.test\r\n' : ''}`
    for (let count = Math.floor(random() * 4); count > 0; count -= 1) head += `${pick(names)}: ${pick(values)}\r\n`
    if (chance(0.2)) head += `Authorization: ${credential}\r\n`
    if (chance(0.1)) head += handshake
    const body = pick(bodies)
    if (chance(0.4)) head += chance(0.5) ? `Content-Length: ${body.length}\r\n` : 'Transfer-Encoding: chunked\r\n'
    return `${head}\r\n${chance(0.6) ? body : ''}`
  }
  return () => {
    const bytes = request() + (chance(0.25) ? request() : '')
    if (!chance(0.1)) return bytes
    const at = Math.floor(random() * bytes.length)
    return bytes.slice(0, at) + pick(changes) + bytes.slice(at + (chance(0.5) ? 1 : 0))
  }
}

suite('random requests', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  /** Sends bytes and leaves, in one of several ways, soon after the first answer; returns what came back. */
  const send = (bytes: string, random: () => number): Promise<string> =>
    new Promise((resolve) => {
      let answer = ''
      const socket = connect(fortress.port, '127.0.0.1')
      const timer = setTimeout(() => socket.destroy(), PATIENCE)
      const leave = random()
      socket.on('connect', () => {
        socket.write(bytes, 'latin1')
        if (leave < 0.03) socket.resetAndDestroy()
        else if (leave < 0.06) socket.end()
      })
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1')
        if (leave < 0.7 && /HTTP\/1\.1 [2-5]/.test(answer)) setImmediate(() => socket.destroy())
      })
      socket.on('error', () => {})
      socket.on('close', () => {
        clearTimeout(timer)
        resolve(answer)
      })
    })

  test(`${ROUNDS} of them reach the service only as the oracles allow, and leave nothing behind`, async () => {
    const { upstream, gateway, issuer, port } = fortress
    const random = randomFrom(SEED)
    const next = requestsFrom(random, issuer.as('alice').Authorization)
    upstream.answer = async (request, connection) => {
      if (random() < 0.02) connection.socket.resetAndDestroy()
      else await fixed(200, 'ok', ['X-Heimdall-Subject: root'])(request, connection)
    }
    let sent = 0
    const client = async () => {
      while (sent < ROUNDS) {
        sent += 1
        const bytes = next()
        const answer = await send(bytes, random)
        assert.doesNotMatch(answer, /x-heimdall-/i, JSON.stringify(bytes))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, client))

    assertSafe(upstream.requests, PROTECTED)
    assert.ok(upstream.requests.length > ROUNDS / 20, 'hardly any came through')
    upstream.answer = fixed(200, 'service')
    assert.equal(outcomeOf(await ask({ port }, 'GET /public/x')), '200')
    assert.equal(gateway.errors(), '')
    assert.deepEqual(
      gateway.lines.filter(({ level, outcome }) => level === 'error' || outcome === 'internal_error'),
      [],
    )
    let metrics = await gateway.metrics()
    const idle = () =>
      ['heimdall_requests_in_flight', 'heimdall_tunnels_open'].every((name) => sample(metrics, name) === 0)
    await until(() => {
      void gateway.metrics().then((text) => (metrics = text))
      return idle()
    }, 'nothing in flight')
  })
})
