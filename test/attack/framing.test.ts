/**
 * Smuggled requests: bytes that the gateway and a service might cut into requests differently, and connections that are used again.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { cases } from '#probe/cases.ts'
import { hidden } from '#probe/cases/framing.ts'

import { early, fixed } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { HANDSHAKE, aimAt, named, withLines } from '../support/corpus.ts'
import { startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import { keeper } from '../support/keeper.ts'
import { assertSafe } from '../support/oracles.ts'
import { connectRaw } from '../support/raw-client.ts'
import { until } from '../support/wire.ts'

const HIDDEN = hidden(aimAt('/public/x'))

/** A head on a public route, with these lines, and what comes behind it. */
const post = (lines: readonly string[], rest: string, line = 'POST /public/x HTTP/1.1') =>
  [line, 'Host: gateway.test', ...lines, '', rest].join('\r\n')

/** Routes of every kind, with what they ask for. */
const places: readonly (readonly [what: string, path: string, known: boolean, lines: readonly string[]])[] = [
  ['a public route', '/public/x', false, []],
  ['a protected route', '/admin/x', true, []],
  ['an optional route', '/maybe', false, []],
  ['a shadow route', '/shadow', true, []],
  ['a route that rewrites', '/rewrite/q/x', false, []],
  ['a route that allows escapes', '/encoded/a%2fb', false, []],
  ['an upgrade', '/public/ws', false, HANDSHAKE],
]
const framing = cases.filter(({ family }) => family === 'framing')

const statusesIn = (answers: string) => Array.from(answers.matchAll(/HTTP\/1\.1 (\d{3})/g), ([, status]) => status)

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
    const statuses = () => statusesIn(client.pending().toString('latin1'))
    client.send(bytes)
    await until(() => statuses().length >= answers || client.ended() !== undefined, 'answers')
    client.end()
    await client.closed()
    client.destroy()
    return { requests: upstream.requests.slice(seen), statuses: statuses() }
  }

  /** Sends bytes and waits for the gateway to end the connection. */
  const untilEnd = async (bytes: string) => {
    const { upstream, port } = fortress
    const seen = upstream.requests.length
    const client = await connectRaw(port)
    client.send(bytes)
    await client.closed()
    client.destroy()
    const answers = client.pending().toString('latin1')
    return { requests: upstream.requests.slice(seen), statuses: statusesIn(answers) }
  }

  for (const one of framing) {
    const refused = one.forms.filter(({ bar }) => bar === 'ended' || bar === 'refused' || one.id === 'S8')
    for (const [what, path, known, lines] of places)
      if (refused.length > 0 && !(one.id === 'S8' && lines === HANDSHAKE))
        test(`${named(one)}: is refused on ${what}, and nothing behind it is read`, async () => {
          const credential = known ? [`Authorization: ${fortress.issuer.as('alice').Authorization}`] : []
          for (const form of refused) {
            const text = withLines(form.send(aimAt(path)) ?? '', [...lines, ...credential])
            const { requests, statuses } = await (form.bar === 'refused' ? attempt(text) : untilEnd(text))
            assert.ok(
              requests.every(({ done }) => !done),
              `${form.name} reached the service whole`,
            )
            if (one.id !== 'S5') assert.deepEqual(requests, [], form.name)
            assertSafe(requests, PROTECTED)
            assert.ok(statuses.length === 1 || (one.id === 'S5' && statuses.length === 0), form.name)
            assert.match(statuses[0] ?? '400', /^(?:4\d\d|505)$/, form.name)
          }
        })
  }

  test('S6: what is harmless in a head goes on as one request', async () => {
    const lenient = framing.find(({ id }) => id === 'S6')?.forms.filter(({ bar }) => bar === 'single') ?? []
    for (const form of lenient) {
      const { requests, statuses } = await attempt(form.send(aimAt('/public/x')) ?? '')
      assert.deepEqual(statuses, ['200'])
      assert.deepEqual(
        requests.map(({ line }) => line),
        ['GET /public/x HTTP/1.1'],
      )
      assertSafe(requests, PROTECTED)
    }
  })

  test('S7 CVE-2026-29057: a request as a body stays a body, whatever the method and the framing', async () => {
    for (const [, path, known, lines] of places.filter((place) => place[3].length === 0))
      for (const form of framing.find(({ id }) => id === 'S7')?.forms ?? []) {
        const credential = known ? [`Authorization: ${fortress.issuer.as('alice').Authorization}`] : []
        const text = withLines(form.send(aimAt(path)) ?? '', [...lines, ...credential])
        const { requests } = await attempt(text)
        assert.equal(requests.length, 1, `${form.name} on ${path}`)
        assert.equal(requests[0]?.body.toString(), HIDDEN)
        assertSafe(requests, PROTECTED)
      }
  })

  test('S9 h2csmuggler: no upgrade but to WebSocket is passed on', async () => {
    for (const form of framing.find(({ id }) => id === 'S9')?.forms.filter(({ bar }) => bar === 'single') ?? []) {
      const { requests, statuses } = await attempt(form.send(aimAt('/public/x')) ?? '')
      assert.deepEqual(statuses, ['200'])
      assert.deepEqual(
        requests.flatMap((request) => request.all('upgrade')),
        [],
      )
      assertSafe(requests, PROTECTED)
    }
  })

  for (const [name, lines] of [
    ['h2c', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']],
    ['another protocol', ['Connection: Upgrade', 'Upgrade: TLS/1.2']],
    ['websocket among others', ['Connection: Upgrade', 'Upgrade: h2c, websocket']],
  ] as const)
    test(`S9 h2csmuggler: ${name} is no upgrade, and nothing behind it is read as a request`, async () => {
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
    test(`S6: ${what} behind a good one gets no answer in its place`, async () => {
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
    test(`S1 RFC 9112 §9.6: nothing is read as a request behind ${what}`, async () => {
      const { requests, statuses } = await attempt(bytes + requestBytes('GET /public/after'))
      assert.deepEqual(statuses, [status])
      assert.deepEqual(
        requests.map(({ target }) => target),
        status === '200' ? ['/public/x'] : [],
      )
    })

  test('C18: a request behind a good one is judged by its own credential, and answers come in order', async () => {
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

  test('S7: the body of a refused request is not the next request', async () => {
    const bytes = requestBytes('POST /admin/x', {}, HIDDEN) + requestBytes('GET /public/after', { Connection: 'close' })
    const { requests, statuses } = await attempt(bytes, 2)
    assert.deepEqual(statuses, ['401', '200'])
    assert.deepEqual(
      requests.map(({ target }) => target),
      ['/public/after'],
    )
  })

  test('S7: who waits for 100 Continue is refused without being asked for the body', async () => {
    const expecting = { Expect: '100-continue', 'Content-Length': String(HIDDEN.length) }
    const { requests, statuses } = await attempt(requestBytes('POST /admin/x', expecting, HIDDEN))
    assert.deepEqual(statuses, ['401'])
    assert.deepEqual(requests, [])
  })

  test('S11 CVE-2026-6733: an early answer leaves no body for the next client of the connection', async () => {
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

  test('S5: a body above the bound reaches its end nowhere, in whatever framing', async () => {
    const { requests, statuses } = await attempt(
      post(['Transfer-Encoding: chunked'], `14\r\n${'x'.repeat(20)}\r\n0\r\n\r\n${HIDDEN}`, 'POST /small HTTP/1.1'),
    )
    assert.equal(statuses[0], '413')
    assert.ok(requests.every(({ done }) => !done))
    await until(() => requests.every(({ connection }) => isClosed(connection)), 'the end of the upstream connection')
  })

  const isClosed = (index: number) => fortress.upstream.connections[index]?.closedAt !== undefined
})
