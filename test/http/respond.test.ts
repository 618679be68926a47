import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, suite, test } from 'node:test'

import { answer, refuse } from '#http/respond.ts'
import { createHttpServer } from '#http/server.ts'
import { denials, type DenialCode } from '#request/denial.ts'
import { deny } from '#request/verdict.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { connectRaw, exchange } from '../support/raw-client.ts'

const request_id = '0123456789abcdef'
let respond = (response: ServerResponse): void => void response.end()

const server = createHttpServer(
  { log: silent, metrics: createMetrics() },
  { request: (_, response) => respond(response) },
)
const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
after(async () => {
  server.cut()
  await server.stop()
})

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const post = (size: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`

const refusing = (...[code, note, headers]: Parameters<typeof deny>) => {
  respond = (response) => refuse(response, deny(code, note, headers), { request_id })
}

suite('a refusal', () => {
  test('is a problem with the fixed texts of its code, for every code', async () => {
    for (const [code, { status, title, detail }] of Object.entries(denials)) {
      refusing(code as DenialCode, 'a note for the operator')
      const response = await exchange(port, get)
      assert.equal(response.status, status)
      assert.equal(response.header('content-type'), 'application/problem+json')
      assert.equal(response.header('cache-control'), 'no-store')
      assert.deepEqual(JSON.parse(response.text), {
        type: `urn:heimdall:problem:${code}`,
        title,
        status,
        detail,
        code,
        request_id,
      })
    }
  })

  test('ends the connection when the request may be two to somebody else, and keeps it otherwise', async () => {
    for (const [code, connection] of [
      ['framing_invalid', 'close'],
      ['header_duplicate', 'close'],
      ['invalid_token', 'keep-alive'],
    ] as const) {
      refusing(code, '')
      const client = await connectRaw(port)
      client.send(get + get)
      assert.equal((await client.response()).header('connection'), connection)
      if (connection === 'close') {
        await client.closed()
        assert.equal(client.pending().length, 0)
      } else assert.equal((await client.response()).status, 401)
      client.destroy()
    }
  })

  test('carries the challenge and the headers its maker knows', async () => {
    respond = (response) =>
      refuse(response, deny('invalid_token', 'bad signature'), {
        request_id,
        challenge: 'Bearer error="invalid_token"',
        headers: { Vary: 'Origin' },
      })
    const response = await exchange(port, get)
    assert.equal(response.header('www-authenticate'), 'Bearer error="invalid_token"')
    assert.equal(response.header('vary'), 'Origin')
  })

  test('says when to come back: as the refusing stage knows, or as the table says', async () => {
    refusing('rate_limited', 'per-user', { 'Retry-After': '7' })
    assert.deepEqual((await exchange(port, get)).all('retry-after'), ['7'])
    refusing('store_unavailable', 'breaker open')
    assert.deepEqual((await exchange(port, get)).all('retry-after'), ['2'])
    refusing('route_unknown', '')
    assert.deepEqual((await exchange(port, get)).all('retry-after'), [])
  })

  test('has no body in answer to HEAD', async () => {
    refusing('no_credentials', '')
    const client = await connectRaw(port)
    client.send(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${get}`)
    assert.equal((await client.response({ method: 'HEAD' })).status, 401)
    assert.equal((await client.response()).status, 401)
    client.destroy()
  })

  test('cuts the connection when another answer has begun', async () => {
    respond = (response) => {
      response.writeHead(200, { 'Content-Length': 10 }).write('12345')
      refuse(response, deny('upstream_failed', 'broke off'), { request_id })
    }
    await assert.rejects(exchange(port, get), /truncated/)
  })
})

suite('a refusal before the body is in', () => {
  test('reads a short body and keeps the connection', async () => {
    refusing('rate_limited', '')
    const client = await connectRaw(port)
    client.send(post(1000))
    assert.equal((await client.response()).header('connection'), 'keep-alive')
    client.send('x'.repeat(1000) + get)
    assert.equal((await client.response()).status, 429)
    client.destroy()
  })

  test('gives up on a short body that does not come', async () => {
    refusing('rate_limited', '')
    const client = await connectRaw(port)
    client.send(post(1000))
    await client.response()
    await client.closed(4000)
  })

  for (const [kind, head] of [
    ['a long body', post(1_000_000)],
    ['a body of unknown length', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nF4240\r\n'],
  ] as const) {
    test(`reaches a client in the midst of ${kind}, and ends the connection without a reset`, async () => {
      refusing('no_credentials', '')
      const client = await connectRaw(port)
      client.send(head)
      client.send('x'.repeat(1_000_000))
      if (kind !== 'a long body') client.send('\r\n0\r\n\r\n')
      const response = await client.response()
      assert.equal(response.status, 401)
      assert.equal(response.header('connection'), 'close')
      assert.equal(await client.closed(), 'end')
    })
  }

  test('reads a mebibyte at most of what a stubborn client sends', async () => {
    refusing('body_too_large', '')
    const client = await connectRaw(port)
    client.send(post(1_000_000_000))
    const stubborn = setInterval(() => client.send('x'.repeat(100_000)), 5)
    assert.equal((await client.response()).status, 413)
    await client.closed(1500)
    clearInterval(stubborn)
    assert.ok(client.socket.bytesWritten < 50_000_000)
    client.destroy()
  })

  test('waits two seconds at most for a long body that does not come, also after HEAD', async () => {
    refusing('body_too_large', '')
    for (const method of ['POST', 'HEAD']) {
      const client = await connectRaw(port)
      client.send(post(1_000_000).replace('POST', method))
      await client.response({ method, deadline: 1000 })
      await client.closed(3500)
    }
  })

  test('does not wait for a body that the client holds back', async () => {
    refusing('no_credentials', '')
    const client = await connectRaw(port)
    client.send(post(1_000_000).replace('Host: a', 'Host: a\r\nExpect: 100-continue'))
    assert.equal((await client.response()).status, 401)
    await client.closed(1000)
  })

  test('survives a client that leaves meanwhile', async () => {
    refusing('no_credentials', '')
    for (const size of [1000, 1_000_000]) {
      const client = await connectRaw(port)
      client.send(post(size))
      await client.response()
      client.reset()
    }
    assert.equal((await exchange(port, get)).status, 401)
  })
})

suite('an answer of our own', () => {
  test('is empty, not to be stored, and keeps the connection', async () => {
    respond = (response) => answer(response, 204, { 'Access-Control-Allow-Origin': 'https://app.test' })
    const response = await exchange(port, get)
    assert.equal(response.status, 204)
    assert.equal(response.header('access-control-allow-origin'), 'https://app.test')
    assert.equal(response.header('cache-control'), 'no-store')
    assert.equal(response.header('content-length'), undefined)
  })

  test('has a length where the status allows a body', async () => {
    respond = (response) => answer(response, 200)
    assert.equal((await exchange(port, get)).header('content-length'), '0')
  })
})
