/**
 * What is let in at all: requests that two programs could read differently go no further.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { connectRaw, exchange } from '../support/raw-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

suite('admission', () => {
  const keep = keeper()
  let upstream: Upstream
  let gateway: TestGateway

  before(async () => {
    upstream = keep(await startUpstream(fixed(200, 'service')))
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
accept_risk: [public_by_default]
upstreams: { service: "${upstream.url}" }
defaults: { upstream: service }
routes:
  - { path: /**, public: true }
  - { path: /files/**, public: true, allow_encoded: [slash] }
  - { path: /params/**, public: true, allow_encoded: [semicolon] }
  - { path: /small, public: true, max_body: 10B }
`),
    )
  })

  /** Refused without a byte to the service. */
  const refuses = async (request: string, expected: string): Promise<void> => {
    const seen = upstream.requests.length
    const response = await exchange(gateway.port, request)
    assert.equal(outcomeOf(response), expected, JSON.stringify(request))
    assert.equal(upstream.requests.length, seen, 'reached the service')
  }

  const ambiguous = [
    '/public/../admin',
    '/public/%2e%2e/admin',
    '/public/.%2E/admin',
    '/public/..;/admin',
    '/public/..%3bx/admin',
    '/public/..%2fadmin',
    '/./admin',
    '/admin/.',
    '//admin',
    '/public//admin',
    '/public\\..\\admin',
    '/admin#top',
    '/%zz',
    '/%c0%ae%c0%ae/admin',
    'http://other.test/admin',
    '*',
  ]
  for (const target of ambiguous)
    test(`refuses the target ${target} with 400`, () => refuses(requestBytes(`GET ${target}`), '400 target_invalid'))

  for (const target of ['/a%2fb', '/a%5cb', '/a%00b', '/a;b', '/a%3Bb', '/a%0db'])
    test(`refuses ${target} on a route that does not accept it`, () =>
      refuses(requestBytes(`GET ${target}`), '400 encoded_path'))

  test('forwards an encoded slash byte for byte where the route says so, and nothing else encoded', async () => {
    assert.equal((await ask(gateway, 'GET /files/a%2Fb%2fc?x=%2F')).text, 'service')
    assert.equal(upstream.requests.at(-1)?.target, '/files/a%2Fb%2fc?x=%2F')
    await refuses(requestBytes('GET /files/a%5cb'), '400 encoded_path')
    assert.equal((await ask(gateway, 'GET /params/a;v=1')).text, 'service')
    assert.equal(upstream.requests.at(-1)?.target, '/params/a;v=1')
  })

  test('accepts the absolute form for the host that it names, and sends the origin form on', async () => {
    assert.equal((await ask(gateway, 'GET http://gateway.test/admin?x=1')).text, 'service')
    assert.equal(upstream.requests.at(-1)?.line, 'GET /admin?x=1 HTTP/1.1')
  })

  test('refuses headers that may stand once and stand twice', async () => {
    const twice = (name: string, value: string) =>
      [
        [name, value],
        [name, value],
      ] as const
    await refuses(requestBytes('GET /x', twice('Host', 'gateway.test')), '400 header_duplicate')
    await refuses(requestBytes('GET /x', twice('Authorization', 'Bearer x')), '400 header_duplicate')
    await refuses(requestBytes('POST /x', twice('Content-Type', 'text/plain'), 'x'), '400 header_duplicate')
    await refuses(requestBytes('POST /x', twice('Content-Length', '1'), 'x'), '400 request_malformed')
    await refuses(requestBytes('POST /x', twice('Transfer-Encoding', 'chunked'), '0\r\n\r\n'), '400 request_malformed')
  })

  test('refuses framing that two programs could read differently', async () => {
    const te = (value: string) => requestBytes('POST /x', { 'Transfer-Encoding': value }, '0\r\n\r\n')
    await refuses(te('gzip, chunked'), '400 framing_invalid')
    await refuses(te('identity'), '400 framing_invalid')
    await refuses(te('xchunked'), '400 framing_invalid')
    await refuses(
      requestBytes('POST /x', { 'Transfer-Encoding': 'chunked', 'Content-Length': '5' }, '0\r\n\r\n'),
      '400 request_malformed',
    )
    await refuses(requestBytes('POST /x', { 'Content-Length': '+1' }, 'x'), '400 request_malformed')
    await refuses(te('chunked').replace('HTTP/1.1', 'HTTP/1.0'), '400 framing_invalid')
  })

  test('answers a smuggled second request by closing the connection', async () => {
    const client = await connectRaw(gateway.port)
    const seen = upstream.requests.length
    client.send(
      'POST /x HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: gateway.test\r\n\r\n',
    )
    assert.equal((await client.response()).status, 400)
    await client.closed()
    assert.equal(client.pending().length, 0, 'a second answer')
    assert.equal(upstream.requests.length, seen)
  })

  test('refuses a missing or illegal Host and other versions of HTTP', async () => {
    await refuses('GET /x HTTP/1.1\r\n\r\n', '400 host_invalid')
    for (const host of ['', 'a b', 'user@gateway.test', 'gateway.test/x', 'gateway.test:99999', '[::1', 'a_b\\c'])
      await refuses(requestBytes('GET /x', { Host: host }), '400 host_invalid')
    const version = await exchange(gateway.port, requestBytes('GET /x').replace('HTTP/1.1', 'HTTP/1.2'))
    assert.match(outcomeOf(version), /^400 (?:request_malformed|version_unsupported)$/)
  })

  test('refuses methods that reach behind the gateway: CONNECT and TRACE', async () => {
    await refuses(requestBytes('CONNECT gateway.test:443'), '405 method_not_allowed')
    const trace = await exchange(gateway.port, requestBytes('TRACE /x'))
    assert.ok([400, 405].includes(trace.status), trace.line)
  })

  test('answers OPTIONS * by itself', async () => {
    const seen = upstream.requests.length
    assert.equal((await ask(gateway, 'OPTIONS *')).status, 204)
    assert.equal(upstream.requests.length, seen)
  })

  test('refuses more or larger headers than it reads', async () => {
    await refuses(requestBytes('GET /x', { 'X-Large': 'x'.repeat(20_000) }), '431 headers_too_large')
    const many = Array.from({ length: 200 }, (_, index) => [`X-H${index}`, 'x'] as const)
    await refuses(requestBytes('GET /x', many), '431 headers_too_large')
  })

  test('refuses a body above max_body: by its length before it is read, else as soon as it is too long', async () => {
    await refuses(requestBytes('POST /small', {}, 'x'.repeat(11)), '413 body_too_large')
    const chunked = await ask(
      gateway,
      'POST /small',
      { 'Transfer-Encoding': 'chunked' },
      'b\r\nxxxxxxxxxxx\r\n0\r\n\r\n',
    )
    assert.equal(outcomeOf(chunked), '413 body_too_large')
    assert.equal((await ask(gateway, 'POST /small', {}, 'x'.repeat(10))).text, 'service')
  })

  test('refusals are problem details with a fixed text, the id of the request, and no caching', async () => {
    const response = await ask(gateway, 'GET /public/../admin')
    const { request_id, ...problem } = JSON.parse(response.text) as Record<string, unknown>
    assert.deepEqual(problem, {
      type: 'urn:heimdall:problem:target_invalid',
      title: 'Ambiguous request target',
      status: 400,
      detail: 'The request target is malformed or could be read in more than one way.',
      code: 'target_invalid',
    })
    assert.equal(request_id, response.header('x-request-id'))
    assert.equal(response.header('cache-control'), 'no-store')
    assert.equal(response.header('content-type'), 'application/problem+json')
  })
})
