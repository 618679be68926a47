/**
 * Random requests, judged by the oracles: headers, targets, chunks, and everything at once with a byte changed here and there.
 *
 * `FC_SEED=random` looks elsewhere, and `ATTACK_DEPTH=20` looks so many times longer.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { before, suite, test } from 'node:test'

import * as fc from 'fast-check'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf, requestBytes } from '../support/ask.ts'
import { HANDSHAKE } from '../support/corpus.ts'
import { startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import {
  anything,
  bytesOf,
  chunks,
  connectionTokens,
  field,
  target,
  type Anything,
} from '../support/hostile-requests.ts'
import { keeper } from '../support/keeper.ts'
import { assertSafe, lenientPaths } from '../support/oracles.ts'
import { sample } from '../support/samples.ts'
import { until } from '../support/wire.ts'

const DEPTH = Number(process.env['ATTACK_DEPTH'] ?? 1)
const PATIENCE = 250 // milliseconds a request may take that is not meant to be answered
const AT_ONCE = 16

const runs = (count: number) => ({ numRuns: count * DEPTH, errorWithCause: true })

type Leave = Anything['leave']

/** Sends bytes and leaves, in one of several ways; returns what came back. */
function send(port: number, bytes: string, leave: Leave = 'answered'): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1')
    const timer = setTimeout(() => socket.destroy(), PATIENCE)
    socket.on('connect', () => {
      socket.write(bytes, 'latin1')
      if (leave === 'reset') socket.resetAndDestroy()
      else if (leave === 'end') socket.end()
    })
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      if (leave === 'answered' && /HTTP\/1\.1 [2-5]/.test(answer)) setImmediate(() => socket.destroy())
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(answer)
    })
  })
}

suite('random requests', () => {
  const keep = keeper()
  let fortress: Fortress
  let credential = ''
  let sent = 0

  before(async () => {
    fortress = await startFortress(keep)
    credential = fortress.issuer.as('alice', { exp: Math.floor(Date.now() / 1000) + 3600 }).Authorization
  })

  /** What the service has received of what `act` sends. */
  const during = async (act: () => Promise<unknown>) => {
    const seen = fortress.upstream.requests.length
    await act()
    const requests = fortress.upstream.requests.slice(seen)
    assertSafe(requests, PROTECTED)
    return requests
  }

  const routes = [
    '/public/x',
    '/admin/x',
    '/maybe',
    '/roles/x',
    '/shadow',
    '/strip/a',
    '/rewrite/q/z',
    '/encoded/a%2fb',
  ]
  const spoofing = fc.record({
    path: fc.constantFrom(...routes),
    fields: fc.array(field, { maxLength: 10 }),
    connection: connectionTokens,
    trailers: fc.array(field, { maxLength: 3 }),
    known: fc.boolean(),
    shape: fc.constantFrom('read', 'read', 'trailers', 'upgrade'),
  })

  test('no header, trailer or token of Connection makes somebody of a client, or nobody of somebody', async () => {
    const asked = new Map<string, (typeof spoofing extends fc.Arbitrary<infer T> ? T : never) | undefined>() // some arrive late
    await fc.assert(
      fc.asyncProperty(fc.array(spoofing, { minLength: 1, maxLength: 8 }), async (all) => {
        const now = all.map((one) => [String((sent += 1)), one] as const)
        for (const [id, one] of now) asked.set(id, one)
        const requests = await during(() =>
          Promise.all(
            now.map(([id, { path, fields, connection, trailers, known, shape }]) => {
              const lines = [
                'Host: gateway.test',
                ...fields.map(([name, value]) => `${name}: ${value}`),
                ...connection.map((tokens) => `Connection: ${tokens}`),
                ...(known ? [`Authorization: ${credential}`] : []),
                ...(shape === 'upgrade' ? HANDSHAKE : []),
                ...(shape === 'trailers' ? ['Transfer-Encoding: chunked'] : []),
              ]
              const last = ['5', 'hello', '0', ...trailers.map(([name, value]) => `${name}: ${value}`), '', ''].join(
                '\r\n',
              )
              const method = shape === 'trailers' ? 'POST' : 'GET'
              const text = [`${method} ${path}?id=${id} HTTP/1.1`, ...lines, '', shape === 'trailers' ? last : ''].join(
                '\r\n',
              )
              return send(fortress.port, text)
            }),
          ),
        )
        for (const request of requests) {
          const one = asked.get(/\?id=(\d+)$/.exec(request.target)?.[1] ?? '')
          assert.ok(one !== undefined, request.target)
          const isPublic = /^\/(?:public|strip|rewrite|encoded)/.test(one.path)
          const subject = !isPublic && one.known ? ['alice'] : one.path === '/maybe' || isPublic ? [] : undefined
          // An API key among the fields is a good credential too: it names the robot, never anybody else.
          const told = request.all('x-heimdall-subject')
          assert.ok(subject?.join() === told.join() || (!isPublic && told.join() === 'robot'), request.head)
          assert.deepEqual(request.all('x-forwarded-for'), ['127.0.0.1'])
        }
      }),
      runs(150),
    )
  })

  test('no target leads a stranger under a protected path, and what is sent is what was judged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(target, fc.boolean()), { minLength: 1, maxLength: 8 }), async (all) => {
        const requests = await during(() =>
          Promise.all(
            all.map(([to, upgrade]) => {
              const lines = ['Host: gateway.test', ...(upgrade ? HANDSHAKE : [])]
              return send(fortress.port, [`GET ${to} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
            }),
          ),
        )
        const rewritten = /^\/(?:strip|rewrite)/
        const targets = all.map(([to]) => to.trimEnd().replace(/^http:\/\/gateway\.test(?=\/)/, ''))
        for (const request of requests)
          assert.ok(targets.includes(request.target) || targets.some((to) => rewritten.test(to)), request.target)
      }),
      runs(250),
    )
  })

  test('the oracle of paths is no stranger to what it judges', () => {
    for (const path of ['/public/../admin', '/public/%2e%2e/admin', '/a;b/..;c/admin', '/public\\..\\admin', '//admin'])
      assert.ok(lenientPaths(path).has('/admin'), path)
  })

  test('a body in chunks arrives as it is or not at all, and what stands behind is judged', async () => {
    await fc.assert(
      fc.asyncProperty(chunks, fc.constantFrom('/public/x', '/maybe'), async ({ bytes, body }, path) => {
        const hidden = requestBytes('GET /admin/hidden', { Connection: 'close' })
        const head = requestBytes(`POST ${path}`, { 'Transfer-Encoding': 'chunked' })
        let answers = ''
        const requests = await during(async () => {
          answers = await send(fortress.port, head + bytes + hidden, 'waiting')
        })
        const whole = requests.filter(({ done }) => done)
        if (body === undefined) assert.deepEqual(whole, [], answers)
        else {
          assert.deepEqual(
            whole.map((request) => request.body.toString('latin1')),
            [body],
          )
          assert.match(answers, /^HTTP\/1\.1 200[^]*HTTP\/1\.1 401/)
        }
      }),
      runs(250),
    )
  })

  test('anything at all reaches the service only as the oracles allow, and leaves nothing behind', async () => {
    const { upstream, gateway, port } = fortress
    let count = 0
    upstream.answer = async (request, connection) => {
      count += 1
      if (count % 50 === 0) connection.socket.resetAndDestroy()
      else await fixed(200, 'ok', ['X-Heimdall-Subject: root'])(request, connection)
    }
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { minLength: AT_ONCE, maxLength: AT_ONCE }), (all) =>
        during(() =>
          Promise.all(
            all.map(async (one) => {
              const bytes = bytesOf(one, credential)
              const answer = await send(port, bytes, one.leave)
              assert.doesNotMatch(answer, /x-heimdall-/i, JSON.stringify(bytes))
            }),
          ),
        ).then(() => {}),
      ),
      runs(60),
    )
    assert.ok(count > 45 * DEPTH, `hardly any came through: ${count}`)

    upstream.answer = fixed(200, 'service')
    assert.equal(outcomeOf(await ask({ port }, 'GET /public/x')), '200')
    assertSafe(upstream.requests, PROTECTED)
    assert.equal(gateway.errors(), '')
    assert.deepEqual(
      gateway.lines.filter(({ level, outcome }) => level === 'error' || outcome === 'internal_error'),
      [],
    )
    let metrics = await gateway.metrics()
    const idle = () =>
      ['heimdall_requests_in_flight', 'heimdall_tunnels_open'].every((name) => sample(metrics, name) === 0)
    await until(() => {
      void gateway.metrics().then((text) => (metrics = text))
      return idle()
    }, 'nothing in flight')
  })
})
