/**
 * Services that are slow, broken, many or away.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import {
  cutMidBody,
  echo,
  endBeforeHead,
  fixed,
  garbage,
  never,
  resetBeforeHead,
  resetMidHead,
  reused,
  untilClose,
} from '../support/answers.ts'
import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { eventually, freePort } from '../support/processes.ts'
import { connectRaw } from '../support/raw-client.ts'
import { sample } from '../support/samples.ts'
import { startUpstream, type Answer, type Upstream } from '../support/upstream.ts'

const serving = (rest: string) =>
  serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
${rest}`)

suite('a service that fails', () => {
  const keep = keeper()
  let upstream: Upstream
  let gateway: TestGateway
  const patient = 'breaker: { of_at_least: 1000 }'

  before(async () => {
    upstream = keep(await startUpstream(fixed(200, 'fine')))
    gateway = keep(
      await serving(`
upstreams:
  service: { targets: ["${upstream.url}"], ${patient}, timeout: { headers: 400ms, idle: 400ms } }
  absent: { targets: ["http://127.0.0.1:${await freePort()}"], ${patient} }
routes:
  - { path: /s/**, public: true, upstream: service }
  - { path: /hurry, public: true, upstream: service, timeout: 150ms }
  - { path: /absent, public: true, upstream: absent }
`),
    )
  })

  const answer = async (line: string, how: Answer, body = '') => {
    upstream.answer = how
    return outcomeOf(await ask(gateway, line, {}, body))
  }

  test('is 502 when it is not there, breaks off, or speaks something else', async () => {
    assert.equal(outcomeOf(await ask(gateway, 'GET /absent')), '502 upstream_unreachable')
    for (const how of [resetBeforeHead, endBeforeHead, resetMidHead, garbage])
      assert.equal(await answer('POST /s/x', how, 'x'), '502 upstream_failed')
  })

  test('its own errors are its own: they reach the client as they are', async () => {
    for (const status of [500, 502, 503, 504])
      assert.equal(await answer('GET /s/x', fixed(status, 'mine')), String(status))
  })

  test('is 504 at its deadline: of the route, of the upstream, and without waiting for a slower clock', async () => {
    for (const [path, deadline] of [
      ['/hurry', 150],
      ['/s/slow', 400],
    ] as const) {
      const began = performance.now()
      assert.equal(await answer(`GET ${path}`, never), '504 upstream_timeout')
      const took = performance.now() - began
      assert.ok(took >= deadline - 5 && took < deadline + 350, `${path} took ${took} ms`)
    }
  })

  test('that dies inside an answer never looks like the end of it', async () => {
    for (const how of [
      cutMidBody('reset', 'length'),
      cutMidBody('end', 'length'),
      cutMidBody('reset', 'chunked'),
      cutMidBody('end', 'chunked'),
      untilClose(['part'], 'reset'),
    ]) {
      upstream.answer = how
      const client = await connectRaw(gateway.port)
      client.send(requestBytes('GET /s/x'))
      await assert.rejects(client.response(), /truncated/)
      client.destroy()
    }
  })

  test('that falls silent inside an answer is cut off there', async () => {
    upstream.answer = async (request, { socket }) => {
      await request.whole
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
    }
    const client = await connectRaw(gateway.port)
    client.send(requestBytes('GET /s/x'))
    await assert.rejects(client.response(), /truncated/)
    client.destroy()
  })

  test('is asked a second time, once, when nothing was lost: idempotent, no body, no byte of an answer', async () => {
    const arrivals = async (line: string, body = '') => {
      const from = upstream.requests.length
      const outcome = outcomeOf(await ask(gateway, line, {}, body))
      return [outcome, upstream.requests.length - from]
    }
    upstream.answer = resetBeforeHead
    assert.deepEqual(await arrivals('GET /s/x'), ['502 upstream_failed', 2])
    assert.deepEqual(await arrivals('DELETE /s/x'), ['502 upstream_failed', 2])
    assert.deepEqual(await arrivals('POST /s/x'), ['502 upstream_failed', 1])
    assert.deepEqual(await arrivals('PUT /s/x', 'body'), ['502 upstream_failed', 1])
    upstream.answer = resetMidHead
    assert.deepEqual(await arrivals('GET /s/x'), ['502 upstream_failed', 1])
    upstream.answer = reused(fixed(200, 'fine'), resetBeforeHead) // a kept connection that the service has given up
    assert.deepEqual(await arrivals('GET /s/x'), ['200', 1])
    assert.deepEqual(await arrivals('GET /s/x'), ['200', 2])
    assert.ok(sample(await gateway.metrics(), 'heimdall_upstream_retries_total', { upstream: 'service' }) >= 3)
  })

  test('is told apart from a client that stops sending', async () => {
    upstream.answer = echo
    const client = await connectRaw(gateway.port)
    client.send(`${requestBytes('POST /s/x', { 'Content-Length': '10' })}half`)
    assert.equal(outcomeOf(await client.response()), '408 request_timeout')
    client.destroy()
  })
})

suite('several targets of a service', () => {
  const keep = keeper()
  let issuer: TestIssuer
  let targets: readonly Upstream[]
  let gateway: TestGateway

  before(async () => {
    issuer = keep(await startIssuer())
    const named = ['a', 'b', 'c'].map((name) => startUpstream(fixed(200, name)))
    targets = (await Promise.all(named)).map(keep)
    const [a, b, c] = targets.map(({ url }) => `"${url}"`)
    gateway = keep(
      await serving(`
upstreams:
  round: { targets: [${a}, ${b}, ${c}], balance: round_robin }
  weighted: { targets: [{ url: ${a}, weight: 3 }, ${b}], balance: round_robin }
  least: { targets: [${a}, ${b}] }
  sticky: { targets: [${a}, ${b}, ${c}], balance: hash(subject) }
  half: { targets: [${a}, "http://127.0.0.1:${await freePort()}"], balance: round_robin, breaker: { of_at_least: 1000 } }
  gone: { targets: ["http://127.0.0.1:${await freePort()}", "http://127.0.0.1:${await freePort()}"], breaker: { of_at_least: 1000 } }
authenticators:
  id: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } }
routes:
  - { path: /round, public: true, upstream: round }
  - { path: /weighted, public: true, upstream: weighted }
  - { path: /least, public: true, upstream: least }
  - { path: /sticky, upstream: sticky, authenticate: [id] }
  - { path: /half, public: true, upstream: half }
  - { path: /gone, public: true, upstream: gone }
`),
    )
  })

  const spread = async (count: number, line: string, headers: Record<string, string> = {}) => {
    const counts: Record<string, number> = {}
    for (let turn = 0; turn < count; turn += 1) {
      const { text } = await ask(gateway, line, headers)
      counts[text] = (counts[text] ?? 0) + 1
    }
    return counts
  }

  test('take turns, by weight', async () => {
    assert.deepEqual(await spread(9, 'GET /round'), { a: 3, b: 3, c: 3 })
    assert.deepEqual(await spread(8, 'GET /weighted'), { a: 6, b: 2 })
  })

  test('the one with the fewest requests under way is asked', async () => {
    const [a, b] = targets
    assert.ok(a !== undefined && b !== undefined)
    const answerOfA = a.answer
    a.answer = never
    const waiting = await connectRaw(gateway.port)
    const from = a.requests.length
    while (a.requests.length === from) {
      waiting.send(requestBytes('GET /least'))
      await Promise.race([a.arrived(from + 1), waiting.response()])
    }
    assert.deepEqual(await spread(5, 'GET /least'), { b: 5 })
    a.answer = answerOfA
    waiting.destroy()
  })

  test('one person always meets the same one', async () => {
    const met = new Set<string>()
    for (const name of ['alice', 'bob', 'carol', 'dave', 'erik', 'frida', 'gunnar', 'hedda']) {
      const names = Object.keys(await spread(3, 'GET /sticky', issuer.as(name)))
      assert.equal(names.length, 1, `${name} met ${names.join()}`)
      met.add(names[0] ?? '')
    }
    assert.ok(met.size > 1)
  })

  test('one that is gone costs no client an answer, and is soon left out', async () => {
    assert.deepEqual(await spread(30, 'GET /half'), { a: 30 })
    assert.equal(sample(await gateway.metrics(), 'heimdall_upstream_targets_ejected', { upstream: 'half' }), 1)
    await gateway.line(({ msg, upstream }) => msg === 'upstream target ejected' && upstream === 'half')
  })

  test('are never all left out', async () => {
    for (let turn = 0; turn < 20; turn += 1)
      assert.equal(outcomeOf(await ask(gateway, 'GET /gone')), '502 upstream_unreachable')
    assert.ok(sample(await gateway.metrics(), 'heimdall_upstream_targets_ejected', { upstream: 'gone' }) < 2)
  })
})

suite('the breaker of a service', () => {
  const keep = keeper()

  test('leaves a failing service alone for a moment, answers 503 at once, and closes when it is well again', async () => {
    const upstream = keep(await startUpstream(never))
    const other = keep(await startUpstream(fixed(200, 'other')))
    const gateway = keep(
      await serving(`
upstreams:
  service:
    targets: ["${upstream.url}"]
    timeout: { headers: 50ms }
    breaker: { errors: 50%, of_at_least: 5, window: 10s, open_for: 1s }
  other: ${other.url}
routes:
  - { path: /service, public: true, upstream: service }
  - { path: /other, public: true, upstream: other }
`),
    )
    const state = async () => sample(await gateway.metrics(), 'heimdall_breaker_state', { breaker: 'upstream service' })
    const open = async () => outcomeOf(await ask(gateway, 'GET /service')) === '503 upstream_unavailable'
    await eventually('open', open)
    assert.equal(await state(), 2)
    const seen = upstream.requests.length
    const began = performance.now()
    const response = await ask(gateway, 'GET /service')
    assert.equal(outcomeOf(response), '503 upstream_unavailable')
    assert.equal(response.header('retry-after'), '1')
    assert.ok(performance.now() - began < 50)
    assert.equal(upstream.requests.length, seen)
    assert.equal((await ask(gateway, 'GET /other')).text, 'other')

    upstream.answer = fixed(200, 'well')
    await eventually('closed', async () => (await ask(gateway, 'GET /service')).text === 'well')
    assert.equal(await state(), 0)
  })
})
