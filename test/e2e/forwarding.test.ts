/**
 * Forwarding: what goes through, byte for byte, and as it arrives.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { before, suite, test } from 'node:test'
import { request } from 'undici'

import { bulk, chunked, early, echo, events, fixed, informational, never, raw } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { certify, noOpenssl } from '../support/certificates.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { connectRaw, exchange } from '../support/raw-client.ts'
import { startUpstream, type Answer, type Upstream, type UpstreamRequest } from '../support/upstream.ts'
import { standsStill } from '../support/wire.ts'

const MiB = 1024 * 1024

suite('forwarding', () => {
  const keep = keeper()
  let upstream: Upstream
  let gateway: TestGateway

  before(async () => {
    upstream = keep(await startUpstream(fixed(200)))
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams:
  service: { targets: ["${upstream.url}"], timeout: { idle: 300ms } }
  named: { targets: ["${upstream.url}/base/"], host: upstream }
authenticators:
  keys: { api_key: { keys: [{ id: k, subject: k, digest: "sha256:${'0'.repeat(64)}" }] } }
routes:
  - { path: /s/**, public: true, upstream: service, max_body: 64MiB }
  - { path: /named/**, public: true, upstream: named }
  - { path: /short/**, public: true, upstream: service, timeout: 400ms }
  - { path: /closed, upstream: service, authenticate: [keys] }
`),
    )
  })

  /** Lets the service answer so, and gives its next request. */
  const answering = (answer: Answer): (() => UpstreamRequest) => {
    const from = upstream.requests.length
    upstream.answer = answer
    return () => {
      const seen = upstream.requests[from]
      assert.ok(seen !== undefined, 'nothing has arrived')
      return seen
    }
  }

  suite('messages', () => {
    test('method, target, headers and body arrive as they were sent', async () => {
      const seen = answering(echo)
      const line = "PATCH /s/%7Eann/a,b:@&=+$!*'()?q=%20+%2F&&x=1?2"
      const response = await ask(gateway, line, { 'Content-Type': 'x/y', 'X-A': 'é' }, '\0\xff body')
      assert.equal(response.body.toString('latin1'), '\0\xff body')
      assert.equal(seen().line, `${line} HTTP/1.1`)
      assert.equal(seen().header('content-type'), 'x/y')
      assert.equal(seen().header('x-a'), 'é')
      assert.equal(seen().header('content-length'), '7')
    })

    test('the status and the headers of the answer arrive as they were sent, several Set-Cookie apart', async () => {
      answering(
        fixed(418, 'tea', ['Set-Cookie: a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'Set-Cookie: b=2', 'ETag: "x"']),
      )
      const response = await ask(gateway, 'GET /s/')
      assert.equal(response.status, 418)
      assert.deepEqual(response.all('set-cookie'), ['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2'])
      assert.equal(response.header('etag'), '"x"')
      assert.equal(response.text, 'tea')
    })

    test('HEAD, 204 and 304 have no body, and the connection goes on', async () => {
      const client = await connectRaw(gateway.port)
      answering(raw('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nContent-Type: text/plain\r\n\r\n'))
      client.send(requestBytes('HEAD /s/'))
      const head = await client.response({ method: 'HEAD' })
      assert.deepEqual([head.status, head.header('content-length')], [200, '1234'])
      for (const status of [204, 304]) {
        answering(fixed(status, '', ['ETag: "x"']))
        client.send(requestBytes('GET /s/'))
        const response = await client.response()
        assert.deepEqual(
          [response.status, response.header('transfer-encoding'), response.header('etag')],
          [status, undefined, '"x"'],
        )
      }
      answering(fixed(200, 'next'))
      client.send(requestBytes('GET /s/'))
      assert.equal((await client.response()).text, 'next')
      client.destroy()
    })

    test('headers about one connection stay on it, both ways', async () => {
      const seen = answering(
        fixed(200, 'x', [
          'Connection: keep-alive, X-Hop',
          'Keep-Alive: timeout=5',
          'X-Hop: 1',
          'Proxy-Authenticate: Basic',
          'Upgrade: h2c',
          'X-End: 1',
        ]),
      )
      const response = await ask(gateway, 'GET /s/', {
        Connection: 'keep-alive, X-Mine',
        'Keep-Alive': 'timeout=5',
        'X-Mine': '1',
        TE: 'gzip',
        'Proxy-Connection': 'keep-alive',
        Upgrade: 'h2c',
        'X-End': '1',
      })
      assert.notEqual(response.header('keep-alive'), 'timeout=5')
      for (const name of ['x-hop', 'proxy-authenticate', 'upgrade'])
        assert.equal(response.header(name), undefined, name)
      assert.equal(response.header('x-end'), '1')
      for (const name of ['keep-alive', 'x-mine', 'te', 'proxy-connection', 'upgrade'])
        assert.equal(seen().header(name), undefined, name)
      assert.equal(seen().header('x-end'), '1')
    })

    test('the service is told the Host of the client, or its own where the file says so', async () => {
      const seen = answering(fixed(200))
      await ask(gateway, 'GET /s/', { Host: 'Shop.test:81' })
      assert.deepEqual(seen().all('host'), ['Shop.test:81'])
      const named = answering(fixed(200))
      await ask(gateway, 'GET /named/x?y', { Host: 'shop.test' })
      assert.deepEqual(named().all('host'), [`127.0.0.1:${upstream.port}`])
      assert.equal(named().target, '/base/named/x?y')
    })

    test('a client that waits for 100 Continue gets it when its body is wanted, and never before a refusal', async () => {
      const expecting = { Expect: '100-continue', 'Content-Length': '4' }
      const seen = answering(echo)
      const client = await connectRaw(gateway.port)
      client.send(requestBytes('POST /s/', expecting))
      assert.equal((await client.response()).status, 100)
      client.send('body')
      assert.equal((await client.response()).text, 'body')
      assert.equal(seen().header('expect'), undefined)
      client.destroy()

      const refused = await connectRaw(gateway.port)
      refused.send(requestBytes('POST /closed', expecting))
      assert.equal(outcomeOf(await refused.response()), '401 no_credentials')
      refused.destroy()
      assert.equal(outcomeOf(await ask(gateway, 'POST /s/', { Expect: 'tea' }, 'x')), '417 expectation_failed')
    })

    test('interim answers reach the client', async () => {
      answering(informational(['HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n'], fixed(200, 'done')))
      const client = await connectRaw(gateway.port)
      client.send(requestBytes('GET /s/'))
      const hint = await client.response()
      assert.deepEqual([hint.status, hint.header('link')], [103, '</a.css>'])
      assert.equal((await client.response()).text, 'done')
      client.destroy()
    })

    test('connections to the service are kept and used again', async () => {
      answering(fixed(200, 'x'))
      const open = upstream.connections.length
      for (let turn = 0; turn < 20; turn += 1) await ask(gateway, 'GET /s/')
      assert.ok(upstream.connections.length - open <= 1, `${upstream.connections.length - open} new connections`)
    })

    test('requests that a client sends ahead are answered in their order', async () => {
      answering(async (one, connection) => {
        await new Promise((resolve) => setTimeout(resolve, one.target.endsWith('1') ? 60 : 0))
        await fixed(200, one.target)(one, connection)
      })
      const client = await connectRaw(gateway.port)
      client.send(['1', '2', '3'].map((name) => requestBytes(`GET /s/${name}`)).join(''))
      for (const name of ['1', '2', '3']) assert.equal((await client.response()).text, `/s/${name}`)
      client.destroy()
    })

    test('a client of HTTP/1.0 gets an answer that it can read', async () => {
      answering(chunked(['one', 'two']))
      const response = await exchange(gateway.port, requestBytes('GET /s/').replace('HTTP/1.1', 'HTTP/1.0'))
      assert.deepEqual([response.text, response.header('transfer-encoding')], ['onetwo', undefined])
    })
  })

  suite('streams', () => {
    test('a body goes up while it comes in, an answer comes down while it is written', async () => {
      const seen = answering(async (one, { socket }) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n')
        await one.whole
        socket.write('4\r\nlast\r\n0\r\n\r\n')
      })
      const client = await connectRaw(gateway.port)
      client.send(`${requestBytes('POST /s/', { 'Transfer-Encoding': 'chunked' })}3\r\none\r\n`)
      await eventually('the first part is up', () => upstream.requests.at(-1)?.size === 3)
      await client.until('first')
      client.send('3\r\ntwo\r\n0\r\n\r\n')
      const response = await client.response()
      assert.equal(response.text, 'firstlast')
      assert.equal(seen().body.toString(), 'onetwo')
      client.destroy()
    })

    test('large bodies arrive whole both ways', async () => {
      const block = Buffer.alloc(MiB, 'abcdefghijklmnopqrstuvwxyz')
      const digest = (times: number) => {
        const hash = createHash('sha256')
        for (let turn = 0; turn < times; turn += 1) hash.update(block)
        return hash.digest('hex')
      }
      const seen = answering(bulk(block, 48))
      const sent = Readable.from(Array.from({ length: 32 }, () => block))
      const { body } = await request(`${gateway.url}/s/large`, { method: 'PUT', body: sent })
      const hash = createHash('sha256')
      for await (const chunk of body) hash.update(chunk as Buffer)
      assert.equal(hash.digest('hex'), digest(48))
      assert.equal(seen().sha256, digest(32))
    })

    test('a client that does not read stops the service instead of filling the memory', async () => {
      const block = Buffer.alloc(64 * 1024, 'x')
      answering(bulk(block, 4096)) // 256 MiB
      const client = await connectRaw(gateway.port)
      const resident = () =>
        Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) / 1024
      const before = resident()
      client.socket.pause()
      client.send(requestBytes('GET /s/bulk'))
      const connection = () => upstream.connections[upstream.requests.at(-1)?.connection ?? -1]
      const taken = () => connection()?.socket.bytesWritten ?? 0
      await eventually('the answer begins', () => taken() > 0)
      await standsStill(taken, 'the service')
      const written = taken()
      assert.ok(written < 128 * MiB, `${written} bytes were taken`) // the kernel's own buffers grow to tens of MiB
      assert.ok(resident() - before < 40, `${resident() - before} MiB more`)
      client.destroy()
    })

    test('event streams arrive event by event and may pause for longer than any timeout', async () => {
      answering(events(['one', 'two'], 700))
      for (const path of ['/s/events', '/short/events']) {
        const client = await connectRaw(gateway.port)
        client.send(requestBytes(`GET ${path}`))
        await client.until('data: one')
        assert.ok(!client.pending().includes('data: two'))
        await client.until('data: two')
        assert.equal(client.ended(), undefined)
        client.destroy()
      }
    })

    for (const [when, answer] of [
      ['waits', never],
      ['reads', events(['one'], 0)],
    ] as const)
      test(`a client that goes away while it ${when} is gone for the service within 200 ms`, async () => {
        const seen = answering(answer)
        const count = upstream.requests.length
        const client = await connectRaw(gateway.port)
        client.send(requestBytes('GET /s/long'))
        await upstream.arrived(count + 1)
        if (when === 'reads') await client.until('data: one')
        const connection = upstream.connections[seen().connection]
        const left = performance.now()
        client.destroy()
        await eventually('closed', () => connection?.closedAt !== undefined)
        const took = (connection?.closedAt ?? Infinity) - left
        assert.ok(took < 200, `${took} ms`)
      })

    test('an answer that comes before the end of the body reaches the client', async () => {
      answering(early(413, 'too much'))
      const client = await connectRaw(gateway.port)
      client.send(`${requestBytes('POST /s/', { 'Content-Length': '1000000' })}${'x'.repeat(100_000)}`)
      const response = await client.response()
      assert.deepEqual([response.status, response.text], [413, 'too much'])
      client.destroy()
    })
  })
})

suite('forwarding over TLS', { skip: noOpenssl }, () => {
  const keep = keeper()

  test('believes a service by the CA of the file, and no other and no other name', async () => {
    const [own, foreign, misnamed] = [certify('IP:127.0.0.1'), certify('IP:127.0.0.1'), certify('IP:10.0.0.1')]
    const good = keep(await startUpstream(fixed(200, 'secret'), { tls: own }))
    const wrongName = keep(await startUpstream(fixed(200, 'secret'), { tls: misnamed }))
    const gateway = keep(
      await serve(
        `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams:
  good: { targets: ["${good.url}"], tls: { ca: own.pem } }
  stranger: { targets: ["${good.url}"], tls: { ca: foreign.pem } }
  system: { targets: ["${good.url}"] }
  misnamed: { targets: ["${wrongName.url}"], tls: { ca: misnamed.pem } }
routes:
  - { path: /good, public: true, upstream: good }
  - { path: /stranger, public: true, upstream: stranger }
  - { path: /system, public: true, upstream: system }
  - { path: /misnamed, public: true, upstream: misnamed }
`,
        { files: { 'own.pem': own.ca, 'foreign.pem': foreign.ca, 'misnamed.pem': misnamed.ca } },
      ),
    )
    assert.equal((await ask(gateway, 'GET /good')).text, 'secret')
    for (const path of ['/stranger', '/system', '/misnamed'])
      assert.equal(outcomeOf(await ask(gateway, `GET ${path}`)), '502 upstream_unreachable', path)
    assert.equal(good.requests.length, 1)
    assert.equal(wrongName.requests.length, 0)
  })
})
