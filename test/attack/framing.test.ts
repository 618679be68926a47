/**
 * Smuggled requests: bytes that the gateway and a service might cut into requests differently, and connections that are used again.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { early, fixed } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import { keeper } from '../support/keeper.ts'
import { assertSafe } from '../support/oracles.ts'
import { connectRaw } from '../support/raw-client.ts'
import { until } from '../support/wire.ts'

const HIDDEN = 'GET /admin/hidden HTTP/1.1\r\nHost: gateway.test\r\n\r\n'
const HANDSHAKE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** A head on a public route, with these lines, and what comes behind it. */
const post = (lines: readonly string[], rest: string, line = 'POST /public/x HTTP/1.1') =>
  [line, 'Host: gateway.test', ...lines, '', rest].join('\r\n')

const chunks = '5\r\nhello\r\n0\r\n\r\n'

/** What may not reach the service at all; most of it may end the connection too. */
const refused: readonly (readonly [string, string])[] = [
  ['CL.TE', post(['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`)],
  ['TE.CL', post(['Transfer-Encoding: chunked', 'Content-Length: 5'], `0\r\n\r\n${HIDDEN}`)],
  ...['+5', '0x5', '5,5', '5, 6', '', '5Z', '-5', '05', '5 5', '99999999999999999999', '5.0', '1e1'].map(
    (length) => [`CVE-2021-40346, length "${length}"`, post([`Content-Length: ${length}`], `hello${HIDDEN}`)] as const,
  ),
  ['two lengths alike', post(['Content-Length: 5', 'Content-Length: 5'], `hello${HIDDEN}`)],
  ['two lengths', post(['Content-Length: 5', 'Content-Length: 6'], `hello${HIDDEN}`)],
  ['a space before the colon', post(['Content-Length : 5'], `hello${HIDDEN}`)],
  ['a space before the name', post([' Content-Length: 5'], `hello${HIDDEN}`)],
  ...[
    ',chunked',
    'chunked,',
    'gzip, chunked',
    'identity, chunked',
    'identity',
    'xchunked',
    'chunked, chunked',
    'chunked;q=1',
    '"chunked"',
    'chunked\x0b',
    'cow',
  ].map(
    (coding) =>
      [
        `CVE-2022-32215, coding ${JSON.stringify(coding)}`,
        post([`Transfer-Encoding: ${coding}`], `${chunks}${HIDDEN}`),
      ] as const,
  ),
  ['two codings', post(['Transfer-Encoding: cow', 'Transfer-Encoding: chunked'], `${chunks}${HIDDEN}`)],
  ['chunked twice', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `${chunks}${HIDDEN}`)],
  ['CVE-2026-2835, chunks on HTTP/1.0', post(['Transfer-Encoding: chunked'], chunks, 'POST /public/x HTTP/1.0')],
  ['HTTP/2.0', post([], '', 'GET /public/x HTTP/2.0')],
  ['HTTP/0.9', 'GET /public/x HTTP/0.9\r\n\r\n'],
  ['HTTP/1.2', post([], '', 'GET /public/x HTTP/1.2')],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['two hosts', post(['Host: other.test'], '', 'GET /public/x HTTP/1.1')],
  ['CVE-2025-23167', `GET /public/x HTTP/1.1\r\nHost: gateway.test\r\n\rX: y\r\n\r\n${HIDDEN}`],
  ['CVE-2023-30589', `GET /public/x HTTP/1.1\r\nHost: gateway.test\r\nX: a\rY: b\r\n\r\n${HIDDEN}`],
  ['a bare LF', `GET /public/x HTTP/1.1\nHost: gateway.test\n\n${HIDDEN}`],
  ['a folded line', `GET /public/x HTTP/1.1\r\nHost: gateway.test\r\nX: a\r\n b\r\n\r\n`],
  ['an empty name', `GET /public/x HTTP/1.1\r\nHost: gateway.test\r\n: a\r\n\r\n`],
  ['a line without a colon', `GET /public/x HTTP/1.1\r\nHost: gateway.test\r\nnonsense\r\n\r\n`],
  ['NUL', `GET /public/x HTTP/1.1\r\nHost: gateway.test\r\nX: a\0b\r\n\r\n`],
  [
    'CVE-2026-2833, a body on an upgrade',
    post([`Content-Length: ${HIDDEN.length}`], HIDDEN, `GET /public/x HTTP/1.1\r\n${HANDSHAKE.trimEnd()}`),
  ],
  ['CVE-2025-64763, early data on an upgrade', post([], HIDDEN, `GET /public/x HTTP/1.1\r\n${HANDSHAKE.trimEnd()}`)],
  [
    'an upgrade in chunks',
    post(['Transfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`, `GET /public/x HTTP/1.1\r\n${HANDSHAKE.trimEnd()}`),
  ],
  ['CONNECT', `CONNECT gateway.test:80 HTTP/1.1\r\nHost: gateway.test:80\r\n\r\n${HIDDEN}`],
]

/** Broken chunks: the service may see the beginning of the request, and never its end. */
const brokenChunks = [
  '5;a\nb\r\nhello\r\n0\r\n\r\n',
  '5\nhello\r\n0\r\n\r\n',
  '5\r\nhelloXX0\r\n\r\n',
  ' 5\r\nhello\r\n0\r\n\r\n',
  '5 \r\nhello\r\n0\r\n\r\n',
  '0x5\r\nhello\r\n0\r\n\r\n',
  '-1\r\nhello\r\n0\r\n\r\n',
  '0_5\r\nhello\r\n0\r\n\r\n',
  '10000000000000005\r\nhello\r\n0\r\n\r\n',
  `5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
  '5\r\nhello\r\n0\r\nbroken trailer\r\n\r\n',
]

suite('smuggled requests', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  /** Sends bytes, waits for some answers or the end of the connection, and leaves: what the service got of it, and the statuses. */
  const attempt = async (bytes: string, answers = 1) => {
    const { upstream, port } = fortress
    upstream.answer = fixed(200, 'service')
    const seen = upstream.requests.length
    const client = await connectRaw(port)
    const statuses = () =>
      [
        ...client
          .pending()
          .toString('latin1')
          .matchAll(/HTTP\/1\.1 (\d{3})/g),
      ].map(([, status]) => status)
    client.send(bytes)
    await until(() => statuses().length >= answers || client.ended() !== undefined, 'answers')
    client.end()
    await client.closed()
    client.destroy()
    return { requests: upstream.requests.slice(seen), statuses: statuses() }
  }

  for (const [what, bytes] of refused)
    test(`${what} reaches nobody`, async () => {
      const { requests, statuses } = await attempt(bytes)
      assert.deepEqual(
        requests.map(({ head }) => head),
        [],
      )
      assert.match(statuses[0] ?? '', /^4\d\d$/)
    })

  for (const bytes of brokenChunks)
    test(`a body in broken chunks is never whole: ${JSON.stringify(bytes.slice(0, 24))}`, async () => {
      const { requests, statuses } = await attempt(post(['Transfer-Encoding: chunked'], bytes + HIDDEN))
      assert.ok(requests.every(({ done }) => !done))
      assertSafe(requests, PROTECTED)
      assert.deepEqual(
        statuses.filter((status) => status !== '400'),
        [],
      )
    })

  for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST', 'HEAD', 'QUERY'])
    for (const [framing, lines, body] of [
      ['its length', [`Content-Length: ${HIDDEN.length}`], HIDDEN],
      ['chunks', ['Transfer-Encoding: chunked'], `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`],
    ] as const)
      test(`CVE-2026-29057: a body on ${method} framed by ${framing} stays a body`, async () => {
        const { requests } = await attempt(post([...lines], body, `${method} /public/x HTTP/1.1`))
        assert.equal(requests.length, 1)
        assert.equal(requests[0]?.body.toString(), HIDDEN)
        assertSafe(requests, PROTECTED)
      })

  for (const [name, lines] of [
    ['h2c', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']],
    ['another protocol', ['Connection: Upgrade', 'Upgrade: TLS/1.2']],
    ['websocket among others', ['Connection: Upgrade', 'Upgrade: h2c, websocket']],
  ] as const)
    test(`h2csmuggler: ${name} is no upgrade, and nothing behind it is read as a request`, async () => {
      const { upstream, port } = fortress
      const seen = upstream.requests.length
      upstream.answer = async (request, connection) => {
        client.send(HIDDEN + requestBytes('GET /public/y')) // begins where Node has let go of what came before
        await fixed(200, 'service')(request, connection)
      }
      const client = await connectRaw(port)
      client.send(post([...lines], HIDDEN.slice(0, 9), 'GET /public/x HTTP/1.1'))
      assert.equal((await client.response()).status, 200)
      await client.closed()
      client.destroy()
      assert.equal(client.pending().length, 0)
      assert.equal(upstream.requests.length, seen + 1)
      assertSafe(upstream.requests.slice(seen), PROTECTED)
    })

  for (const [what, behind] of [
    ['no request', 'x\r\n\r\n'],
    ['a broken request', 'GET /public/y HTTP/1.1\r\nHost : a\r\n\r\n'],
    ['too large a request', `GET /public/y HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
  ] as const)
    test(`${what} behind a good one gets no answer in its place`, async () => {
      const { requests, statuses } = await attempt(requestBytes('GET /public/x') + behind)
      assert.deepEqual(statuses, ['200'])
      assert.deepEqual(
        requests.map(({ target }) => target),
        ['/public/x'],
      )
    })

  for (const [what, bytes, status] of [
    ['Connection: close', requestBytes('GET /public/x', { Connection: 'close' }), '200'],
    ['HTTP/1.0', requestBytes('GET /public/x').replace('HTTP/1.1', 'HTTP/1.0'), '200'],
    ['a refusal that ends the connection', requestBytes('POST /admin/x', { Expect: '100-continue' }, 'hello'), '401'],
  ] as const)
    test(`RFC 9112 §9.6: nothing is read as a request behind ${what}`, async () => {
      const { requests, statuses } = await attempt(bytes + requestBytes('GET /public/after'))
      assert.deepEqual(statuses, [status])
      assert.deepEqual(
        requests.map(({ target }) => target),
        status === '200' ? ['/public/x'] : [],
      )
    })

  test('a request behind a good one is judged by its own credential, and answers come in order', async () => {
    const { issuer } = fortress
    const alice = requestBytes('GET /admin/alice', issuer.as('alice'))
    const bob = requestBytes('GET /admin/bob', issuer.as('bob'))
    const nobody = requestBytes('GET /admin/nobody')
    const last = requestBytes('GET /public/last', { Connection: 'close' })
    const { requests, statuses } = await attempt(
      alice + nobody + bob + nobody + requestBytes('GET /public/x') + last,
      6,
    )
    assert.deepEqual(statuses, ['200', '401', '200', '401', '200', '200'])
    const who = requests.map((request) => `${request.target} ${request.header('x-heimdall-subject') ?? '-'}`)
    assert.deepEqual(who.toSorted(), ['/admin/alice alice', '/admin/bob bob', '/public/last -', '/public/x -'])
    assertSafe(requests, PROTECTED)
  })

  test('the body of a refused request is not the next request', async () => {
    const bytes = requestBytes('POST /admin/x', {}, HIDDEN) + requestBytes('GET /public/after', { Connection: 'close' })
    const { requests, statuses } = await attempt(bytes, 2)
    assert.deepEqual(statuses, ['401', '200'])
    assert.deepEqual(
      requests.map(({ target }) => target),
      ['/public/after'],
    )
  })

  test('who waits for 100 Continue is refused without being asked for the body', async () => {
    const expecting = { Expect: '100-continue', 'Content-Length': String(HIDDEN.length) }
    const { requests, statuses } = await attempt(requestBytes('POST /admin/x', expecting, HIDDEN))
    assert.deepEqual(statuses, ['401'])
    assert.deepEqual(requests, [])
  })

  test('CVE-2026-6733: an early answer leaves no body for the next client of the connection', async () => {
    const { upstream, port, gateway } = fortress
    upstream.answer = early(413, 'no', [])
    const client = await connectRaw(port)
    client.send(post(['Content-Length: 100000'], `${'x'.repeat(50)}${HIDDEN}`))
    assert.equal((await client.response()).status, 413)
    client.destroy()
    upstream.answer = fixed(200, 'service')
    for (let round = 0; round < 5; round += 1) assert.equal(outcomeOf(await ask(gateway, 'GET /public/next')), '200')
    assertSafe(upstream.requests, PROTECTED)
  })

  test('a body above the bound reaches its end nowhere, in whatever framing', async () => {
    const { requests, statuses } = await attempt(
      post(['Transfer-Encoding: chunked'], `14\r\n${'x'.repeat(20)}\r\n0\r\n\r\n${HIDDEN}`, 'POST /small HTTP/1.1'),
    )
    assert.equal(statuses[0], '413')
    assert.ok(requests.every(({ done }) => !done))
    await until(() => requests.every(({ connection }) => isClosed(connection)), 'the end of the upstream connection')
  })

  const isClosed = (index: number) => fortress.upstream.connections[index]?.closedAt !== undefined
})
