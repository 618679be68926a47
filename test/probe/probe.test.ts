/**
 * The probe against a gateway that holds and one that does not.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createServer, request as ask, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { before, suite, test } from 'node:test'

import { cases } from '#probe/cases.ts'
import { ControlFailed, probe, type CaseResult, type Target } from '#probe/probe.ts'
import { asJson, table, totals } from '#probe/report.ts'

import { startFortress, type Fortress } from '../support/fortress.ts'
import { claimsNow } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { newSigner, token } from '../support/tokens.ts'
import type { Answer } from '../support/upstream.ts'

const PACE = { pause: 0, patience: 300, retry: 1000 }
const genuine = token(newSigner('ES256', 'k'), claimsNow('https://id.test', 'alice'))

function targetAt(port: number, part: Partial<Target> = {}): Target {
  return {
    place: { address: '127.0.0.1', port, tls: undefined },
    host: `127.0.0.1:${port}`,
    open: '/public/x',
    closed: '/admin/x',
    echo: '/admin/x',
    token: genuine,
    believed: ['X-Heimdall-Subject', 'X-Heimdall-Roles'],
    ...part,
  }
}

const listen = async (listener: RequestListener) => {
  const server = createServer({ insecureHTTPParser: true, requireHostHeader: false }, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())),
  }
}

/** Shows what it received, on every path. */
const service: RequestListener = (request, response) => {
  request.resume().on('end', () => response.end(request.rawHeaders.join('\n')))
}

/** Everything that a gateway should not be: a raw prefix, paths cleaned afterwards, believes what it cannot check. */
const naive =
  (upstream: number): RequestListener =>
  (request, response) => {
    const { authorization = '' } = request.headers
    const payload = Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString()
    if ((request.url ?? '').startsWith('/admin') && !payload.includes('"iss"')) {
      response.writeHead(401).end()
      return
    }
    const { pathname } = URL.parse(request.url ?? '', 'http://service.test') ?? { pathname: '/' }
    const headers = { ...request.headers, 'x-heimdall-subject': request.headers['x-heimdall-subject'] ?? 'alice' }
    const tokens = String(request.headers.connection).toLowerCase().split(/, */)
    for (const name of ['host', 'transfer-encoding', 'content-length', 'expect', 'upgrade', ...tokens])
      Reflect.deleteProperty(headers, name)
    request.resume()
    try {
      const passed = ask({
        port: upstream,
        path: pathname,
        method: 'GET',
        headers: { ...headers, connection: 'close' },
      })
      passed.on('response', (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 502)))
      passed.on('error', () => response.destroy()).end()
    } catch {
      response.destroy()
    }
  }

const verdicts = (results: readonly CaseResult[], kind: 'held' | 'fell') =>
  results.filter(({ forms }) => forms.some((form) => form.kind === kind)).map(({ of }) => of.id)

suite('the probe', () => {
  const keep = keeper()
  let fortress: Fortress
  let holes: number

  before(async () => {
    fortress = await startFortress(keep)
    const shown: Answer = async (request, { socket }) => {
      await request.whole
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${request.head.length}\r\n\r\n`)
      if (request.method !== 'HEAD') socket.write(request.head, 'latin1')
    }
    fortress.upstream.answer = shown
    const behind = keep(await listen(service))
    holes = keep(await listen(naive(behind.port))).port
  })

  test('sees this gateway hold everything', async () => {
    const good = fortress.issuer.token('alice')
    const results = await probe(cases, targetAt(fortress.port, { token: good }), PACE)
    assert.deepEqual(verdicts(results, 'fell'), [], table(results).join('\n'))
    const judged = cases.filter(({ forms }) => forms.length > 0).map(({ id }) => id)
    assert.deepEqual(verdicts(results, 'held'), judged)
    const { held, unjudged } = totals(results)
    assert.ok(held > 500 && unjudged < 20, `${held} held, ${unjudged} not judged`)
  })

  test('sees a naive gateway fall, in every family, and says why that matters', async () => {
    const results = await probe(cases, targetAt(holes), PACE)
    const fell = verdicts(results, 'fell')
    for (const id of [
      'H1',
      'H3',
      'H5',
      'H7',
      'H8',
      'H10',
      'H11',
      'H14',
      'P1',
      'P2',
      'P6',
      'P9',
      'S1',
      'J1',
      'J3',
      'J12',
    ])
      assert.ok(fell.includes(id), `${id} held: ${table(results).join('\n')}`)
    const text = table(results).join('\n')
    for (const { of } of results.filter(({ of }) => fell.includes(of.id)))
      assert.ok(text.includes(`why it matters: ${of.why}`))
    for (const printed of [text, JSON.stringify(asJson(results))]) {
      assert.ok(!printed.includes(genuine))
      for (const part of genuine.split('.')) assert.ok(!printed.includes(part))
    }
  })

  test('judges nothing for which it was given no path or token', async () => {
    const bare = targetAt(fortress.port, { closed: undefined, echo: undefined, token: '' })
    const results = await probe(cases, bare, PACE)
    for (const { of, forms } of results)
      for (const form of forms)
        if (['outside', 'dropped', 'kept'].includes(of.forms.find(({ name }) => name === form.form)?.bar ?? ''))
          assert.equal(form.kind, 'unjudged', `${of.id} ${form.form}`)
    assert.match(table(results).join('\n'), /not judged: give --echo/)
    assert.equal(totals(results).fell, 0)
  })

  for (const [what, part, message] of [
    ['an open path that is closed', { open: '/admin/x' }, /the open path \/admin\/x answers 401/],
    ['a protected path that is open', { closed: '/public/x' }, /without a token, \/public\/x answers 200/],
    ['a token that is refused', { token: 'x.y.z' }, /with the token, \/admin\/x answers 401/],
    ['an echo that shows nothing', { echo: '/cors', token: '' }, /the echo path \/cors answers 401/],
  ] as const)
    test(`trusts no judgement on ${what}`, async () => {
      await assert.rejects(probe(cases, targetAt(fortress.port, part), PACE), (error) => {
        assert.ok(error instanceof ControlFailed)
        assert.match(error.message, message)
        return true
      })
    })

  test('trusts no echo that keeps the headers to itself', async () => {
    const silent = keep(
      await listen((request, response) => void response.writeHead(request.url === '/admin/x' ? 401 : 200).end()),
    )
    const target = targetAt(silent.port, { echo: '/public/x', token: '' })
    await assert.rejects(probe(cases, target, PACE), /does not show the headers/)
  })

  test('waits where it is asked to, and calls nothing held that was refused for its number', async () => {
    let asked = 0
    const busy = keep(
      await listen((request, response) => {
        asked += 1
        const limited = request.url !== '/public/x' && asked > 1
        response.writeHead(limited ? 429 : 200, limited ? { 'Retry-After': '600' } : {}).end()
      }),
    )
    const target = targetAt(busy.port, { closed: '/admin/x', echo: undefined, token: '' })
    const strangers = cases.filter(({ id }) => id === 'H12')
    assert.deepEqual(totals(await probe(strangers, target, PACE)), { held: 0, fell: 0, unjudged: 4 })
    assert.equal(asked, 7)
  })
})
