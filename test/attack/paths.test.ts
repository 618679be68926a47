/**
 * Confused paths: targets that the gateway and a lenient service might read differently.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { cases } from '#probe/cases.ts'

import { requestBytes } from '../support/ask.ts'
import { HANDSHAKE, aimAt, named, withLines } from '../support/corpus.ts'
import { startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import { keeper } from '../support/keeper.ts'
import { assertSafe } from '../support/oracles.ts'
import { exchange } from '../support/raw-client.ts'

/** Open paths from which the corpus climbs: plain, stripped, rewritten, with escapes allowed, with an identity optional. */
const opens = ['/public/x', '/strip/x', '/rewrite/q/x', '/encoded/x', '/maybe', '/shadow', '/roles/x']

/** More targets, for routes that only this gateway has. */
const more: readonly (readonly [string, readonly string[]])[] = [
  ['P2 double encoding', ['/%2561dmin/../admin', '/encoded/%252e%252e%252fadmin/x', '/rewrite/%252e%252e/admin/x']],
  [
    'P4 a rewrite that climbs',
    ['/rewrite/%2e%2e/admin/x', '/rewrite/..;x/admin/x', '/rewrite/..%2f..%2fadmin/x', '/rewrite/./../admin'],
  ],
  [
    'P4 encoded where allowed',
    [
      '/encoded/..%2fadmin/x',
      '/encoded/%2e%2e%2fadmin/x',
      '/encoded/a%2f..%2f..%2fadmin',
      '/encoded/..;/admin/x',
      '/encoded/..%3b/admin/x',
      '/encoded%2f../admin/x',
      '/encoded/..%23%2fadmin/x',
    ],
  ],
  ['P11 controls', ['/ad\nmin/x', '/admin%0d%0ax', '/%zzadmin', '/%', '/public/%u002e%u002e/admin/x']],
]

const aliases: readonly (readonly [string, string])[] = [
  ['P7 CVE-2025-54576: a query decides nothing', '/admin/x?next=/public/x'],
  ['P7: a query is no path', '/admin/x?/../public'],
  ['P8: unreserved escapes are the same path', '/%61dmin/x'],
  ['P8: a trailing slash leads nowhere else', '/admin/'],
  ['P6: an absolute form leads nowhere else', 'http://gateway.test/admin/x'],
]

suite('confused paths', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  const misleading = ['X-Original-URL', 'X-Forwarded-Uri', 'X-Rewrite-URL'].map((name) => `${name}: /public/x`)

  /** Everything the service received for one request, by some methods and as an upgrade, with headers that could mislead. */
  const received = async (text: string) => {
    const { port, upstream } = fortress
    const seen = upstream.requests.length
    const statuses: (number | undefined)[] = []
    for (const method of ['GET', 'POST', 'OPTIONS', 'upgrade']) {
      const lines = [...misleading, ...(method === 'upgrade' ? HANDSHAKE : [])]
      const bytes = withLines(method === 'upgrade' ? text : text.replace(/^GET/, method), lines)
      statuses.push((await exchange(port, bytes).catch(() => undefined))?.status)
    }
    const requests = upstream.requests.slice(seen)
    assertSafe(requests, PROTECTED)
    return { requests, statuses }
  }

  const tried = new Set<string>()
  for (const one of cases.filter(({ family }) => family === 'paths'))
    test(`${named(one)}: no spelling leads a stranger under ${PROTECTED}`, async () => {
      for (const open of opens)
        for (const form of one.forms) {
          const text = form.send(aimAt(open)) ?? ''
          if (tried.has(text)) continue
          tried.add(text)
          const { statuses } = await received(text)
          if (open === '/public/x' && !form.inside && form.name !== '*')
            // `OPTIONS *` is about the gateway itself
            assert.ok(
              statuses.every((status) => status === undefined || status >= 400),
              `${form.name}: ${statuses.join()}`,
            )
        }
    })

  for (const [what, targets] of more)
    test(`${what}: no spelling leads a stranger under ${PROTECTED}`, async () => {
      for (const target of targets) await received(requestBytes(`GET ${target}`))
    })

  for (const [promise, target] of aliases)
    test(`${promise}: ${target} needs an identity`, async () => {
      assert.deepEqual((await received(requestBytes(`GET ${target}`))).requests, [])
      assert.equal(
        (await exchange(fortress.port, requestBytes(`GET ${target}`, fortress.issuer.as('alice')))).status,
        200,
      )
    })

  test('P10 GHSA-r8x2-fhmf-6mxp: what is decided on is what is sent, byte for byte', async () => {
    for (const target of [
      '/public/a%20b%41?x=%3F&y=/../z',
      '/public/~u%7e;'.slice(0, -1),
      "/public/a!$&'()*+,=:@b",
      '/public/%E4%BD%A0',
    ]) {
      const { requests } = await received(requestBytes(`GET ${target}`))
      assert.deepEqual(new Set(requests.map((request) => request.target)), new Set([target]))
    }
  })

  test('H15 CVE-2026-27588: hosts are told apart without regard to case, port and final dot', async () => {
    for (const host of ['gateway.test', 'GATEWAY.test', 'gateway.test.', 'gateway.test:80', 'other.test', '[::1]']) {
      const response = await exchange(fortress.port, requestBytes('GET /admin/x', { Host: host }))
      assert.equal(response.status, 401, host)
    }
  })

  test('H15: hosts with empty labels are none', async () => {
    for (const host of ['gateway..test', 'gateway.test..', '.gateway.test', '..', '.'])
      assert.equal((await exchange(fortress.port, requestBytes('GET /public/x', { Host: host }))).status, 400, host)
  })
})
