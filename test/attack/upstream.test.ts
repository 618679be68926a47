/**
 * Services that answer with malice or by mistake, and connections to them that are used again (S7, S11 to S15):
 * every client gets its own answer, whole or visibly broken, and nobody else's.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { cutMidBody, early, fixed, raw, unsolicited } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import { serve } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { assertFraming, assertSafe } from '../support/oracles.ts'
import { connectRaw } from '../support/raw-client.ts'
import { newSigner } from '../support/tokens.ts'
import { startUpstream, type Answer, type Upstream, type UpstreamRequest } from '../support/upstream.ts'
import { until } from '../support/wire.ts'

const HIDDEN = 'GET /admin/hidden HTTP/1.1\r\nHost: gateway.test\r\n\r\n'
const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nSet-Cookie: poison=1\r\n\r\nPOISON'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n'

suite('a hostile service', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  /** Each request is answered with its own path, but for those that the script takes. */
  const answering = (script: (request: UpstreamRequest) => Answer | undefined) => {
    const { upstream } = fortress
    const seen = upstream.requests.length
    upstream.answer = (request, connection) =>
      (script(request) ?? fixed(200, `own ${request.target}`))(request, connection)
    return () => upstream.requests.slice(seen)
  }

  /** Several clients, one after another and all at once, each of whom must get what is its own. */
  const assertOwn = async () => {
    for (let turn = 0; turn < 3; turn += 1)
      assert.equal((await ask(fortress.gateway, `GET /public/turn-${turn}`)).text, `own /public/turn-${turn}`)
    const asked = Array.from({ length: 10 }, (_, index) => ask(fortress.gateway, `GET /public/all-${index}`))
    for (const [index, { text }] of (await Promise.all(asked)).entries()) assert.equal(text, `own /public/all-${index}`)
  }

  suite('S7: bodies where services do not expect them', () => {
    for (const method of ['DELETE', 'OPTIONS', 'GET', 'PROPFIND', 'M-SEARCH'])
      test(`S7 CVE-2026-29057: chunks on ${method} are framed for the service, and the next request is the next`, async () => {
        const requests = answering(() => undefined)
        const body = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`
        const answer = await ask(fortress.gateway, `${method} /public/x`, { 'Transfer-Encoding': 'chunked' }, body)
        assert.equal(answer.text, 'own /public/x')
        await assertOwn()
        const [first] = requests()
        assert.ok(first !== undefined)
        assertFraming(first)
        assert.deepEqual([first.all('transfer-encoding'), first.body.toString()], [['chunked'], HIDDEN])
        assertSafe(requests(), PROTECTED)
        assert.equal(requests().length, 14)
      })
  })

  suite('S11: more than was asked for', () => {
    const poisoned = (script: Answer) => answering(({ target }) => (target === '/public/poison' ? script : undefined))

    for (const [what, script] of [
      ['in the same packet', raw(`${OK}\r\nmine${POISON}`)],
      ['in the same packet, half of it', raw(`${OK}\r\nmine${POISON.slice(0, 30)}`)],
      ['behind chunks', raw(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n${POISON}`)],
      ['an interim one', raw(`${OK}\r\nmineHTTP/1.1 103 Early Hints\r\nLink: <poison>\r\n\r\n`)],
      ['bytes that are no answer', raw(`${OK}\r\nmine\r\n\r\nPOISON`)],
      ['a moment later, on the idle connection', unsolicited('mine', 'POISON', 30)],
      ['again and again', raw(`${OK}\r\nmine${POISON.repeat(5)}`)],
    ] as const)
      test(`S11 CVE-2026-6733: a second answer, ${what}: its connection is dropped, and every client gets its own`, async () => {
        const { upstream } = fortress
        const requests = poisoned(script)
        assert.equal((await ask(fortress.gateway, 'GET /public/poison')).text, 'mine')
        const connection = upstream.connections[requests()[0]?.connection ?? -1]
        await until(() => connection?.closedAt !== undefined, 'the connection to be dropped')
        await assertOwn()
      })

    for (const [what, head] of [
      ['CVE-2026-1525: two lengths', `${OK}Content-Length: 400\r\n\r\nmine`],
      ['CVE-2026-1525: two lengths alike', `${OK}Content-Length: 4\r\n\r\nmine`],
      ['CRLF and a head in a field', `HTTP/1.1 200 OK\r\nX-A: a\r\n\r\n${POISON}`],
      ['a length and chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n`],
      ['HEAD with a body', `${OK}\r\n${POISON}`],
      ['204 with a body', `HTTP/1.1 204 No\r\n\r\n${POISON}`],
      ['304 with a body', `HTTP/1.1 304 No\r\nContent-Length: 6\r\n\r\n${POISON}`],
    ] as const)
      test(`S11 ${what}: no byte of it is anybody else’s answer`, async () => {
        poisoned(raw(head))
        const client = await connectRaw(fortress.port)
        const method = what.startsWith('HEAD') ? 'HEAD' : 'GET'
        client.send(requestBytes(`${method} /public/poison`))
        const answer = await client.response({ method, deadline: 300 }).catch(() => undefined)
        client.destroy()
        assert.doesNotMatch(answer?.head ?? '', /poison/i)
        await assertOwn()
      })

    test('S11 an answer before its request was sent is no answer to it', async () => {
      const { upstream } = fortress
      const requests = answering(({ target }) => (target === '/public/poison' ? raw(`${OK}\r\nmine`) : undefined))
      await ask(fortress.gateway, 'GET /public/poison')
      const connection = upstream.connections[requests()[0]?.connection ?? -1]
      connection?.socket.write(POISON)
      await until(() => connection?.closedAt !== undefined, 'the connection to be dropped')
      await assertOwn()
    })
  })

  suite('S12: CVE-2026-16728, an answer that breaks off', () => {
    for (const [what, script] of [
      ['short of its length', cutMidBody('end')],
      ['short of its length, by RST', cutMidBody('reset')],
      ['without a last chunk', cutMidBody('end', 'chunked')],
      [
        'with Accept-Ranges and an ETag',
        raw(`HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "a"\r\nAccept-Ranges: bytes\r\n\r\npart`, 'end'),
      ],
    ] as const)
      test(`S12 ${what}: broken off for the client too, never asked for again, never resumed`, async () => {
        const requests = answering(() => script)
        const client = await connectRaw(fortress.port)
        client.send(requestBytes('GET /public/cut'))
        await assert.rejects(client.response(), /truncated/)
        client.destroy()
        assert.equal(requests().length, 1)
        assert.equal(requests()[0]?.header('range'), undefined)
      })
  })

  suite('S13: CVE-2026-88007, CVE-2026-48931, credentials of a connection', () => {
    for (const scheme of ['NTLM TlRMTVNTUAABAAAA', 'ntlm TlRMTVNTUAABAAAA', 'Negotiate YIIFdg==', 'NEGOTIATE YIIFdg=='])
      test(`S13 Authorization: ${scheme.split(' ')[0]} goes over a connection that nobody uses before or after`, async () => {
        const { upstream } = fortress
        const requests = answering(() => undefined)
        await assertOwn() // connections that are kept
        const kept = new Set(requests().map(({ connection }) => connection))
        const answer = await ask(fortress.gateway, 'GET /forward', { Authorization: scheme })
        assert.equal(answer.status, 200)
        const bound = requests().at(-1)
        assert.ok(bound !== undefined && !kept.has(bound.connection))
        assert.equal(bound.header('authorization'), scheme)
        await until(() => upstream.connections[bound.connection]?.closedAt !== undefined, 'the end of the connection')
        await assertOwn()
        assert.equal(upstream.connections[bound.connection]?.requests.length, 1)
      })

    test('S13 where credentials stay with the gateway, these do too', async () => {
      const requests = answering(() => undefined)
      await ask(fortress.gateway, 'GET /public/x', { Authorization: 'NTLM TlRMTVNTUAABAAAA' })
      assert.equal(requests()[0]?.header('authorization'), undefined)
    })
  })

  suite('S15: an answer before the end of the request', () => {
    for (const [what, headers, chunk] of [
      ['a length', { 'Content-Length': '2000000' }, 'x'.repeat(100_000)],
      ['chunks', { 'Transfer-Encoding': 'chunked' }, `2710\r\n${'x'.repeat(10_000)}\r\n`],
    ] as const)
      test(`S15 413 while a body in ${what} comes in: relayed at once, then the client's connection ends without a reset`, async () => {
        answering(({ target }) => (target === '/public/early' ? early(413, 'too much') : undefined))
        const client = await connectRaw(fortress.port)
        client.send(requestBytes('POST /public/early', headers) + chunk)
        const answer = await client.response()
        assert.deepEqual([answer.status, answer.text, answer.header('connection')], [413, 'too much', 'close'])
        client.send(chunk)
        assert.equal(await client.closed(), 'end')
        client.destroy()
        await assertOwn()
      })

    test('S15 the rest of the body is no request, for the gateway or the service', async () => {
      const requests = answering(({ target }) => (target === '/public/early' ? early(413, 'no', []) : undefined))
      const client = await connectRaw(fortress.port)
      client.send(requestBytes('POST /public/early', { 'Content-Length': '100000' }) + 'x'.repeat(50))
      assert.equal((await client.response()).status, 413)
      client.send(HIDDEN)
      await client.closed()
      client.destroy()
      assert.equal(client.pending().length, 0)
      await assertOwn()
      assertSafe(requests(), PROTECTED)
      assert.ok(requests().every(({ target }) => !target.startsWith(PROTECTED)))
    })
  })

  test('none of it leaves anything behind', async () => {
    const { gateway } = fortress
    answering(() => undefined)
    assert.equal(outcomeOf(await ask(gateway, 'GET /public/x')), '200')
    assert.equal(gateway.errors(), '')
  })
})

suite('S14: CVE-2024-32638, requests of the gateway itself', () => {
  const keep = keeper()

  test('S14 the keys are fetched with nothing of the request that needs them', async () => {
    const signer = newSigner('ES256', 'k1')
    const issuer: Upstream = keep(
      await startUpstream((request, connection) => {
        const { url } = issuer
        const metadata = JSON.stringify({ issuer: url, jwks_uri: `${url}/jwks` })
        const keys = JSON.stringify({ keys: [signer.jwk] })
        return fixed(200, request.target === '/jwks' ? keys : metadata)(request, connection)
      }),
    )
    const service = keep(await startUpstream(fixed(200, 'service')))
    const gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${service.url}" }
authenticators: { late: { jwt: { issuer: "${issuer.url}", audience: orders-api } } }
routes: [{ path: /x, upstream: service, authenticate: [late] }]
`),
    )
    const unknownKey = `${encoded({ alg: 'ES256', kid: 'other' })}.${encoded({ iss: issuer.url })}.AAAA`
    await ask(
      gateway,
      'POST /x?secret=1',
      {
        Authorization: `Bearer ${unknownKey}`,
        Cookie: 'secret=1',
        Expect: '100-continue',
        'X-Secret': '1',
        'X-Forwarded-For': '203.0.113.9',
        Range: 'bytes=0-1',
        'If-None-Match': '*',
      },
      'secret body',
    )
    await until(() => issuer.requests.length >= 2, 'discovery and keys')
    for (const request of issuer.requests) {
      assert.equal(request.method, 'GET')
      assert.match(request.target, /^\/(?:jwks|\.well-known\/openid-configuration)$/)
      assert.deepEqual(
        request.headers.map(([name]) => name.toLowerCase()).toSorted(),
        ['accept', 'connection', 'host'],
        request.head,
      )
      assert.deepEqual([request.size, request.all('host')], [0, [`127.0.0.1:${issuer.port}`]])
    }
    assert.equal(service.requests.length, 0)
  })
})

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
