/**
 * Connections used otherwise than HTTP foresees: reset at the worst moment, upgraded out of turn, left during a decision.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { before, suite, test } from 'node:test'

import { never, raw } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { claimsNow } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { connectRaw, type RawClient } from '../support/raw-client.ts'
import { sample } from '../support/samples.ts'
import { startService, type Service } from '../support/service.ts'
import { newSigner, token } from '../support/tokens.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { handshake, SWITCHING } from '../support/websocket.ts'
import { until } from '../support/wire.ts'

const HANDSHAKE = Object.entries(handshake).map(([name, value]) => `${name}: ${value}`)

const get = (path: string, lines: readonly string[] = []) =>
  [`GET ${path} HTTP/1.1`, 'Host: gateway.test', ...lines, '', ''].join('\r\n')
const CONNECT = 'CONNECT gateway.test:80 HTTP/1.1\r\nHost: gateway.test\r\n\r\n'

suite('connections', () => {
  const keep = keeper()
  const signer = newSigner('ES256', 'late')
  const credential = token(signer, claimsNow('https://late.test', 'alice'))
  let upstream: Upstream
  let issuer: Service
  let gateway: TestGateway
  /** Publishes the issuer's keys; until then every decision that needs them waits. */
  let publish: (() => void)[] = []

  const config = () => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
accept_risk: [public_by_default]
upstreams: { service: "${upstream.url}" }
authenticators: { late: { jwt: { issuer: "https://late.test", jwks_url: "${issuer.url}/jwks", audience: orders-api } } }
defaults: { upstream: service }
routes:
  - { path: /**, public: true }
  - { path: /late, authenticate: [late] }
`

  before(async () => {
    upstream = keep(await startUpstream(never))
    issuer = keep(
      await startService((_, response) => {
        publish.push(() => response.end(JSON.stringify({ keys: [signer.jwk] })))
      }),
    )
    gateway = keep(await serve(config()))
  })

  const lives = async () => {
    upstream.answer = raw('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    assert.equal(outcomeOf(await ask(gateway, 'GET /')), '200', gateway.errors())
    assert.equal(gateway.errors(), '')
  }

  for (const [name, bytes] of [
    ['CONNECT', CONNECT],
    ['an upgrade that is refused', get('/late', HANDSHAKE)],
    ['an upgrade with half a body', `${get('/late', [...HANDSHAKE, 'Content-Length: 50'])}half`],
    ['an upgrade with half a chunk', `${get('/', [...HANDSHAKE, 'Transfer-Encoding: chunked'])}5\r\nhal`],
    ['CONNECT with half a body', `${CONNECT.slice(0, -2)}Content-Length: 50\r\n\r\nhalf`],
    ['a request that is none', 'GARBAGE\r\n\r\n'],
    ['an Expect that nobody meets', get('/', ['Expect: miracles'])],
    ['a body that is refused', 'POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\nabc'],
  ] as const)
    test(`a reset right behind ${name} does not end the process`, async () => {
      for (let round = 0; round < 60; round += 1) await resetBehind(gateway.port, bytes, round % 3)
      await lives()
    })

  for (const [name, bytes] of [
    ['a WebSocket upgrade', get('/ws', HANDSHAKE)],
    ['a refused WebSocket upgrade', get('/late', HANDSHAKE)],
    ['CONNECT', CONNECT],
  ] as const)
    test(`${name} behind an unanswered request is answered with the end of the connection, never out of turn`, async () => {
      upstream.answer = (request, { socket }) =>
        void (request.header('upgrade') !== undefined && socket.write(SWITCHING))
      const client = await connectRaw(gateway.port)
      const seen = upstream.requests.length
      client.send(get('/first'))
      await upstream.arrived(seen + 1)
      client.send(bytes)
      await client.closed()
      assert.equal(client.pending().toString(), '')
      assert.equal(upstream.requests.length, seen + 1)
      client.destroy()
    })

  for (const [how, leave] of [
    ['reset', (client: RawClient) => client.reset()],
    ['half-close', (client: RawClient) => client.end()],
    ['close', (client: RawClient) => client.destroy()],
  ] as const)
    test(`a client that leaves by ${how} during the decision on its upgrade leaves no tunnel behind`, async () => {
      upstream.answer = (_, connection) => {
        connection.staysOpen = true
        connection.socket.write(SWITCHING)
      }
      publish = []
      const waiting = await serve(config())
      try {
        const client = await connectRaw(waiting.port)
        client.send(get('/late', [...HANDSHAKE, `Authorization: Bearer ${credential}`]))
        await until(() => publish.length > 0, 'the request for the keys')
        const inFlight = async () => sample(await waiting.metrics(), 'heimdall_requests_in_flight')
        while ((await inFlight()) === 0) await new Promise(setImmediate)
        leave(client)
        await new Promise((resolve) => client.socket.once('close', resolve).once('finish', resolve))
        await waiting.metrics() // one more turn of its event loop: the end of the connection has arrived
        for (const answer of publish) answer()
        const { outcome } = await waiting.line(({ msg }) => msg === 'request')
        assert.equal(outcome, 'client_closed')
        await until(() => upstream.open() === 0 || upstream.connections.every(isIdle), 'no tunnel at the upstream')
        assert.equal(sample(await waiting.metrics(), 'heimdall_tunnels_open'), 0)
        assert.equal(await inFlight(), 0)
      } finally {
        await waiting.end()
      }
    })

  const isIdle = ({ closedAt, requests }: Upstream['connections'][number]) =>
    closedAt !== undefined || requests.every((request) => request.header('upgrade') === undefined)
})

/** Sends bytes and resets the connection: at once, a turn later, or a millisecond later. */
function resetBehind(port: number, bytes: string, delay: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(bytes)
      if (delay === 0) socket.resetAndDestroy()
      else if (delay === 1) setImmediate(() => socket.resetAndDestroy())
      else setTimeout(() => socket.resetAndDestroy(), 1)
    })
    socket.on('error', () => {}).on('close', () => resolve())
  })
}
