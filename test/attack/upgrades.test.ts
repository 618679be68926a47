/**
 * Upgrades and tunnels as a way past the gateway (S8, S9, S10): nothing but a WebSocket that both sides mean becomes a tunnel,
 * and no byte travels unread before it is one.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { fixed, never, raw, reused } from '../support/answers.ts'
import { outcomeOf, requestBytes } from '../support/ask.ts'
import { startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import { keeper } from '../support/keeper.ts'
import { assertSafe } from '../support/oracles.ts'
import { connectRaw, type RawResponse } from '../support/raw-client.ts'
import { accept, handshake, hello, SWITCHING } from '../support/websocket.ts'
import { until } from '../support/wire.ts'

const HIDDEN = 'GET /admin/hidden HTTP/1.1\r\nHost: gateway.test\r\n\r\n'
const PATH = '/public/ws'
const without = (name: keyof typeof handshake) =>
  requestBytes(
    `GET ${PATH}`,
    Object.entries(handshake).filter(([one]) => one !== name),
  )

suite('upgrades under attack', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  /** Sends bytes, then more when the service has seen the first, and says what came back and what got through. */
  const attempt = async (bytes: string, { script = accept, behind = '' } = {}) => {
    const { upstream, port } = fortress
    const seen = upstream.requests.length
    upstream.answer = script
    const client = await connectRaw(port)
    client.send(bytes)
    if (behind !== '') {
      await upstream.arrived(seen + 1)
      client.send(behind)
    }
    const answers: RawResponse[] = []
    do answers.push(await client.response())
    while ((answers.at(-1)?.status ?? 0) < 200 && answers.at(-1)?.status !== 101)
    const [first] = answers
    assert.ok(first !== undefined)
    const requests = () => upstream.requests.slice(seen)
    const received = () => requests().map(({ connection }) => upstream.connections[connection]?.received.toString())
    return { client, first, requests, received }
  }

  const refused = async (bytes: string, outcome: string) => {
    const { client, first, requests } = await attempt(bytes)
    assert.equal(outcomeOf(first), outcome)
    await client.closed()
    assert.equal(client.pending().length, 0, 'one answer, and none to what was hidden')
    client.destroy()
    assert.deepEqual(requests(), [])
  }

  suite('S8: an upgrade that hides something', () => {
    for (const [what, bytes] of [
      [
        'CVE-2026-58055: a body of known length',
        `${hello(PATH, { 'Content-Length': String(HIDDEN.length) })}${HIDDEN}`,
      ],
      ['CVE-2026-58055: a body of known length, still to come', hello(PATH, { 'Content-Length': '31' })],
      ['a body in chunks', `${hello(PATH, { 'Transfer-Encoding': 'chunked' })}0\r\n\r\n${HIDDEN}`],
      ['CVE-2026-2833: a request behind it', `${hello(PATH)}${HIDDEN}`],
      ['CVE-2025-64763: early data', `${hello(PATH)}\x82\x03abc`],
      ['another version', hello(PATH, { 'Sec-WebSocket-Version': '777' })],
      ['two versions', hello(PATH, { 'Sec-WebSocket-Version': '13, 777' })],
      ['no version', without('Sec-WebSocket-Version')],
      ['no key', without('Sec-WebSocket-Key')],
      ['half a key', hello(PATH, { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZQ==' })],
      ['POST', hello(PATH).replace('GET', 'POST')],
    ] as const)
      test(`S8 ${what}: 400, and nothing of it reaches the service`, () => refused(bytes, '400 upgrade_invalid'))

    test('S8 HTTP/1.0: 400, and nothing of it reaches the service', () =>
      refused(hello(PATH).replace('HTTP/1.1', 'HTTP/1.0'), '400 upgrade_invalid'))

    test('S8 both framings: 400, and nothing of it reaches the service', async () => {
      const bytes = hello(PATH, { 'Content-Length': '5', 'Transfer-Encoding': 'chunked' })
      const { client, first, requests } = await attempt(`${bytes}0\r\n\r\n${HIDDEN}`)
      assert.equal(first.status, 400)
      await client.closed()
      client.destroy()
      assert.deepEqual(requests(), [])
    })

    test('S8 CVE-2026-2833: raw bytes before the 101 go nowhere', async () => {
      const { client, first, received } = await attempt(hello(PATH), { script: never, behind: HIDDEN })
      assert.equal(outcomeOf(first), '400 upgrade_invalid')
      await client.closed()
      client.destroy()
      assert.ok(received().every((bytes) => bytes?.includes('hidden') === false))
    })

    for (const [what, script] of [
      ['200', fixed(200, 'no WebSocket here')],
      ['426', fixed(426, 'no', ['Upgrade: websocket'])],
      ['400 that keeps its connection', fixed(400, 'no', ['Connection: keep-alive'])],
    ] as const)
      test(`S8 a service that says ${what}: what comes behind is read by nobody, and both connections end`, async () => {
        const { client, first, requests, received } = await attempt(hello(PATH), { script })
        assert.equal(first.header('connection'), 'close')
        client.send(HIDDEN)
        await client.closed()
        client.destroy()
        assert.equal(client.pending().length, 0)
        const [{ connection } = { connection: -1 }] = requests()
        await until(() => fortress.upstream.connections[connection]?.closedAt !== undefined, 'the end at the service')
        assert.equal(requests().length, 1)
        assert.ok(received().every((bytes) => bytes?.includes('hidden') === false))
        assertSafe(requests(), PROTECTED)
      })

    test('S8 a request behind one that upgrades is never answered out of turn', async () => {
      const { upstream, port } = fortress
      const seen = upstream.requests.length
      upstream.answer = never
      const client = await connectRaw(port)
      client.send(requestBytes('GET /public/slow'))
      await upstream.arrived(seen + 1)
      client.send(hello(PATH) + HIDDEN)
      await client.closed()
      client.destroy()
      assert.equal(client.pending().length, 0)
      assert.equal(upstream.requests.length, seen + 1)
    })

    test('S8 what a service says is no 101 to this handshake opens no tunnel', async () => {
      for (const head of [
        SWITCHING.replace('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=', 'AAAAAAAAAAAAAAAAAAAAAAAAAAA='),
        SWITCHING.replace(/Sec-WebSocket-Accept.*\r\n/, ''),
        SWITCHING.replace('Upgrade: websocket', 'Upgrade: h2c'),
        SWITCHING.replace('Upgrade: websocket', 'Upgrade: websocket, h2c'),
        SWITCHING.replace('Connection: Upgrade\r\n', ''),
        SWITCHING.replace(/Connection.*websocket\r\n/s, ''),
      ]) {
        const { client, first } = await attempt(hello(PATH), { script: raw(`${head}poison`) })
        assert.equal(outcomeOf(first), '502 upstream_failed', head)
        await client.closed()
        assert.equal(client.pending().length, 0)
        client.destroy()
      }
    })

    test('S8 a tunnel needs the identity that its route asks for, whatever its Connection names', async () => {
      const { issuer } = fortress
      await refused(hello('/admin/ws'), '401 no_credentials')
      const { client, first, requests } = await attempt(
        hello('/admin/ws', {
          ...issuer.as('alice'),
          Connection: 'Upgrade, X-Heimdall-Subject, Authorization',
          'X-Heimdall-Subject': 'root',
          X_Heimdall_Subject: 'root',
        }),
      )
      assert.equal(first.status, 101)
      client.destroy()
      const [request] = requests()
      assert.deepEqual(request?.all('x-heimdall-subject'), ['alice'])
      assert.deepEqual(request.all('connection'), ['Upgrade'])
      assertSafe(requests(), PROTECTED)
    })

    test('S8 inside a tunnel nothing is HTTP any more: the bytes are the service’s to read', async () => {
      const script = reused(accept, never)
      const { client, first, requests, received } = await attempt(hello(PATH), { script })
      assert.equal(first.status, 101)
      client.send(HIDDEN)
      await until(() => received()[0]?.includes(HIDDEN) === true, 'the bytes')
      assert.equal(client.pending().length, 0, 'the gateway answers none of it')
      client.destroy()
      assert.equal(requests()[0]?.target, PATH)
    })
  })

  suite('S9: h2c', () => {
    const settings = { 'HTTP2-Settings': 'AAMAAABkAAQAAP__' }
    for (const [what, headers] of [
      ['as RFC 7540 has it', { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', ...settings }],
      ['without its settings', { Connection: 'Upgrade', Upgrade: 'h2c' }],
      ['without Connection', { Upgrade: 'h2c', ...settings }],
      ['in capitals', { Connection: 'upgrade, http2-settings', Upgrade: 'H2C', ...settings }],
    ] as const)
      test(`S9 h2csmuggler, ${what}: an ordinary request, of which the service hears no upgrade`, async () => {
        const { client, first, requests } = await attempt(requestBytes('GET /public/x', { ...headers }), {
          script: fixed(200, 'service'),
        })
        client.destroy()
        assert.deepEqual([first.status, first.text], [200, 'service'])
        for (const name of ['upgrade', 'http2-settings']) assert.equal(requests()[0]?.header(name), undefined, name)
        assertSafe(requests(), PROTECTED)
      })

    test('S9 a 101 to h2c that nobody asked for is no answer', async () => {
      const h2c = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'
      const headers = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', ...settings }
      const { client, first } = await attempt(requestBytes('GET /public/x', headers), { script: raw(h2c) })
      assert.equal(outcomeOf(first), '502 upstream_failed')
      client.destroy()
    })

    test('S9 the preface of HTTP/2 is no request', async () => {
      const { upstream, port } = fortress
      const seen = upstream.requests.length
      const client = await connectRaw(port)
      client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
      assert.equal((await client.response()).status, 400)
      await client.closed()
      client.destroy()
      assert.equal(upstream.requests.length, seen)
    })
  })

  suite('S10: CONNECT', () => {
    for (const [what, head] of [
      ['a host', 'CONNECT service:80 HTTP/1.1\r\nHost: service:80\r\n'],
      ['a body', `CONNECT service:80 HTTP/1.1\r\nHost: service:80\r\nContent-Length: ${HIDDEN.length}\r\n`],
      ['chunks', 'CONNECT service:80 HTTP/1.1\r\nHost: service:80\r\nTransfer-Encoding: chunked\r\n'],
      ['a path', 'CONNECT /public/x HTTP/1.1\r\nHost: gateway.test\r\n'],
      ['a URL', 'CONNECT http://service/public/x HTTP/1.1\r\nHost: gateway.test\r\n'],
      [
        'an upgrade',
        `CONNECT service:80 HTTP/1.1\r\nHost: service:80\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`,
      ],
    ] as const)
      test(`S10 CONNECT with ${what}: refused and closed, and nothing behind it is a request`, async () => {
        const { upstream, port } = fortress
        const seen = upstream.requests.length
        const client = await connectRaw(port)
        client.send(`${head}\r\n${HIDDEN}`)
        assert.match(String((await client.response()).status), /^40[05]$/)
        await client.closed()
        client.destroy()
        assert.equal(client.pending().length, 0)
        assert.equal(upstream.requests.length, seen)
      })
  })
})
