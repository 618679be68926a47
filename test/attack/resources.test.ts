/**
 * What a request may cost, and what goes through untouched: C8, C10, C13, C14, C15, C18.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { gzipSync } from 'node:zlib'

import { endBeforeHead, fixed, garbage, never, resetBeforeHead } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes, type AskHeaders } from '../support/ask.ts'
import { API_KEY, PROTECTED, startFortress, type Fortress } from '../support/fortress.ts'
import { keeper } from '../support/keeper.ts'
import { assertSafe } from '../support/oracles.ts'
import { eventually } from '../support/processes.ts'
import { connectRaw } from '../support/raw-client.ts'
import { sample } from '../support/samples.ts'
import type { Answer } from '../support/upstream.ts'

const MEBIBYTE = 'x'.repeat(1024 * 1024)
const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

suite('resources', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  const outcome = async (line: string, headers: AskHeaders = {}, body = '') =>
    outcomeOf(await ask(fortress.gateway, line, headers, body))
  const pairs = (count: number, name: (index: number) => string, value = 'x') =>
    Array.from({ length: count }, (_, index) => [name(index), value] as const)

  // C8 CVE-2026-49975 and its kin are floods of HTTP/2 frames, which is not spoken here; what is left is the size of a head.
  for (const [what, headers, expected] of [
    ['a hundred headers', pairs(99, (index) => `X-${index}`), '200'],
    ['a hundred and one', pairs(100, (index) => `X-${index}`), '431 headers_too_large'],
    ['three thousand short ones', pairs(3000, () => 'a', ''), '431 headers_too_large'],
    ['a hundred of one name', pairs(99, () => 'X-Same'), '200'],
    ['a head of 15 kB', pairs(1, () => 'X-Long', 'x'.repeat(15_000)), '200'],
    ['a head of 17 kB', pairs(1, () => 'X-Long', 'x'.repeat(17_000)), '431 headers_too_large'],
    ['a name of 17 kB', pairs(1, () => 'X'.repeat(17_000)), '431 headers_too_large'],
    ['a hundred cookies', pairs(99, () => 'Cookie', 'a=b'), '200'],
  ] as const)
    test(`C8 CVE-2026-49975: ${what}: ${expected}`, async () => {
      assert.equal(await outcome('GET /public/x', headers), expected)
    })

  test('C8: a target of 17 kB is refused, and the connection ends', async () => {
    const client = await connectRaw(fortress.port)
    client.send(requestBytes(`GET /public/${'x'.repeat(17_000)}`))
    assert.equal((await client.response()).status, 431)
    await client.closed()
    client.destroy()
  })

  for (const [what, headers] of [
    ['__proto__', [['__proto__', 'polluted']]],
    ['__proto__ twice', pairs(2, () => '__proto__', 'polluted')],
    ['constructor, hasOwnProperty, toString', ['constructor', 'hasOwnProperty', 'toString'].map((name) => [name, 'x'])],
    ['names of members of arrays', ['length', 'splice', 'push'].map((name) => [name, '7'])],
    ['ninety numbers', pairs(90, (index) => String(index))],
    ['numbers that hash alike', pairs(90, (index) => String(index * 2 ** 20))],
  ] as const)
    test(`C10 CVE-2026-21710 CVE-2026-21717: ${what} as header names are headers and no more`, async () => {
      const { upstream } = fortress
      const sent = headers as readonly (readonly [string, string])[]
      assert.equal(await outcome('GET /public/x', sent), '200')
      for (const [name, value] of sent) assert.ok(upstream.requests.at(-1)?.all(name).includes(value), name)
      assert.equal(await outcome('GET /admin/x', sent), '401 no_credentials')
      assert.equal(await outcome('GET /admin/x', [...sent, ['X-API-Key', API_KEY]]), '200')
      assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), 'robot')
      assert.equal(await outcome('GET /roles/x', [...sent, ['X-API-Key', API_KEY]]), '403 permission_denied')
    })

  for (const type of [
    'application/json ;x',
    'application/json; charset=utf-8; boundary="a;b"',
    'TEXT/html',
    'multipart/form-data',
    '\xe4/\xf6',
  ])
    test(`C13 CVE-2026-25223 GHSA-v2v2-hph8-q5xp: Content-Type ${type} and the body behind it go on as they came`, async () => {
      for (const body of ['{"a":1,"a":2,}', '--x\r\n\r\n', '\0\xff\xfe', 'a=1&a=2;b']) {
        assert.equal(await outcome('POST /public/x', { 'Content-Type': type }, body), '200')
        const seen = fortress.upstream.requests.at(-1)
        await seen?.whole
        assert.deepEqual([seen?.header('content-type'), seen?.body.toString('latin1')], [type, body])
      }
    })

  const service = (answer: Answer) => () => void (fortress.upstream.answer = answer)
  const errors: readonly (readonly [string, string, AskHeaders, string, (() => void)?])[] = [
    ['an ambiguous target', 'POST //x', {}, '400 target_invalid'],
    ['a doubled header', 'POST /public/x', pairs(2, () => 'Authorization'), '400 header_duplicate'],
    ['no credential', 'POST /admin/x', {}, '401 no_credentials'],
    ['a bad token', 'POST /admin/x', { Authorization: 'Bearer a.b.c' }, '401 invalid_token'],
    ['a bad key', 'POST /admin/x', { 'X-API-Key': 'x' }, '401 invalid_api_key'],
    ['too few rights', 'POST /roles/x', { 'X-API-Key': API_KEY }, '403 permission_denied'],
    ['no route', 'POST /nowhere', {}, '404 route_unknown'],
    ['TRACE', 'TRACE /public/x', {}, '405 method_not_allowed'],
    ['too long a body', 'POST /small', {}, '413 body_too_large'],
    ['an expectation', 'POST /public/x', { Expect: 'miracles' }, '417 expectation_failed'],
    ['too many headers', 'POST /public/x', pairs(100, (index) => `X-${index}`), '431 headers_too_large'],
    ['an upgrade', 'GET /public/x', HANDSHAKE, '400 upgrade_invalid'],
    ['a reset', 'POST /public/x', {}, '502 upstream_failed', service(resetBeforeHead)],
    ['an end', 'POST /public/x', {}, '502 upstream_failed', service(endBeforeHead)],
    ['garbage', 'POST /public/x', {}, '502 upstream_failed', service(garbage)],
    ['silence', 'POST /slow', {}, '504 upstream_timeout', service(never)],
    ['nobody there', 'POST /down', {}, '502 upstream_unreachable'],
  ]
  for (const [what, line, headers, expected, prepare] of errors)
    test(`C14 GHSA-6x33-pw7p-hmpq: a mebibyte that ends in ${what}: ${expected}`, async () => {
      const { gateway } = fortress
      prepare?.()
      for (const framing of [{}, { 'Transfer-Encoding': 'chunked' }]) {
        const chunks = `${MEBIBYTE.length.toString(16)}\r\n${MEBIBYTE}\r\n0\r\n\r\n`
        const body = 'Transfer-Encoding' in framing ? chunks : MEBIBYTE
        const all = [
          ...(Array.isArray(headers) ? (headers as [string, string][]) : Object.entries(headers)),
          ...Object.entries(framing),
        ]
        assert.equal(outcomeOf(await ask(gateway, line, all, body)), expected)
      }
      fortress.upstream.answer = fixed(200, 'service')
      assert.equal(await outcome('GET /public/x'), '200')
    })

  test('C15 CVE-2026-22036: bodies in codings, broken ones too, pass both ways as bytes', async () => {
    const { upstream } = fortress
    const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024)).toString('latin1')
    for (const [coding, bytes] of [
      ['gzip', bomb],
      ['gzip', 'no gzip'],
      ['gzip, gzip, gzip, br', 'x'],
      ['deflate', '\0'],
      ['zstd', ''],
    ] as const) {
      upstream.answer = fixed(200, Buffer.from(bytes, 'latin1'), [`Content-Encoding: ${coding}`])
      const headers = { 'Content-Encoding': coding, 'Accept-Encoding': 'gzip;q=1.0, identity; q=0' }
      const response = await ask(fortress.gateway, 'POST /public/x', headers, bytes)
      const seen = upstream.requests.at(-1)
      assert.deepEqual([response.header('content-encoding'), response.body.toString('latin1')], [coding, bytes])
      assert.deepEqual([seen?.header('content-encoding'), seen?.body.toString('latin1')], [coding, bytes])
      assert.equal(seen?.header('accept-encoding'), headers['Accept-Encoding'])
    }
    upstream.answer = fixed(200, 'service')
  })

  test('C15 CVE-2026-1526: compressed frames of a WebSocket pass as bytes', async () => {
    const { upstream, port } = fortress
    const frame = Buffer.concat([
      Buffer.from([0xc2, 0x7e, 0x00, 0x80]),
      gzipSync(Buffer.alloc(100_000)).subarray(0, 128),
    ])
    upstream.answer = (_, connection) => {
      const extension = 'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover'
      const accept = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='
      connection.socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${accept}\r\n${extension}\r\n\r\n`,
      )
      connection.socket.write(frame)
    }
    const client = await connectRaw(port)
    const offer = 'permessage-deflate; client_max_window_bits'
    client.send(requestBytes('GET /public/ws', { ...HANDSHAKE, 'Sec-WebSocket-Extensions': offer }))
    const response = await client.response()
    assert.match(response.header('sec-websocket-extensions') ?? '', /^permessage-deflate; server_no/)
    while (client.pending().length < frame.length) await new Promise((resolve) => client.socket.once('data', resolve))
    assert.deepEqual(client.pending(), frame)
    assert.equal(upstream.requests.at(-1)?.header('sec-websocket-extensions'), offer)
    client.destroy()
    upstream.answer = fixed(200, 'service')
  })

  test('C18: every request of a connection is judged alone: by credential, route, method, host and limit', async () => {
    const { issuer, upstream, port } = fortress
    const seen = upstream.requests.length
    const client = await connectRaw(port)
    const asked: readonly (readonly [string, AskHeaders, number])[] = [
      ['GET /admin/x', issuer.as('alice'), 200],
      ['GET /admin/x', {}, 401],
      ['GET /admin/x', { ...issuer.as('alice'), Host: 'other.test' }, 200],
      ['GET /only', { ...issuer.as('alice'), Host: 'one.test' }, 200],
      ['GET /only', { ...issuer.as('alice'), Host: 'two.test' }, 404],
      ['GET /roles/x', issuer.as('alice', { roles: ['admin'] }), 200],
      ['GET /roles/x', issuer.as('alice'), 403],
      ['GET /other-audience', issuer.as('alice'), 401],
      ['GET /admin/x', { 'X-API-Key': API_KEY }, 200],
      ['POST /admin/x', {}, 401],
      ['GET /public/x', {}, 200],
      ['GET /admin/x', {}, 401],
    ]
    for (const [line, headers, status] of asked) {
      client.send(requestBytes(line, headers))
      assert.equal((await client.response()).status, status, line)
    }
    client.destroy()
    const received = upstream.requests.slice(seen)
    assert.deepEqual(
      received.map((request) => request.header('x-heimdall-subject')),
      ['alice', 'alice', 'alice', 'alice', 'robot', undefined],
    )
    assertSafe(received, PROTECTED)
  })

  test('C18: requests in one packet too', async () => {
    const { issuer, upstream, port } = fortress
    const seen = upstream.requests.length
    const client = await connectRaw(port)
    const people = [issuer.as('alice'), {}, issuer.as('bob'), { 'X-API-Key': 'x' }, issuer.as('carol')]
    client.send(people.map((headers) => requestBytes('GET /admin/x', headers)).join(''))
    const statuses = []
    for (const _ of people) statuses.push((await client.response()).status)
    client.destroy()
    assert.deepEqual(statuses, [200, 401, 200, 401, 200])
    assert.deepEqual(
      upstream.requests.slice(seen).map((request) => request.header('x-heimdall-subject')),
      ['alice', 'bob', 'carol'],
    )
  })

  test('C10 C14: none of it was an error of the process, and nothing is left behind', async () => {
    const { gateway } = fortress
    assert.equal(gateway.errors(), '')
    assert.deepEqual(
      gateway.lines.filter(({ level }) => level === 'error'),
      [],
    )
    assert.equal(sample(await gateway.metrics(), 'heimdall_requests_total', { outcome: 'internal_error' }), 0)
    const inFlight = async () => sample(await gateway.metrics(), 'heimdall_requests_in_flight')
    await eventually('nothing in flight', async () => (await inFlight()) === 0)
  })
})
