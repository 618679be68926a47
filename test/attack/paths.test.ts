/**
 * Confused paths: targets that the gateway and a lenient service might read differently.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { requestBytes } from '../support/ask.ts'
import { startFortress, PROTECTED, type Fortress } from '../support/fortress.ts'
import { keeper } from '../support/keeper.ts'
import { assertSafe } from '../support/oracles.ts'
import { exchange } from '../support/raw-client.ts'

/** Spellings of `/admin/x` that start from somewhere else, by the advisory that first showed them. */
const targets: readonly (readonly [string, readonly string[]])[] = [
  [
    'CVE-2026-42274',
    ['/public/../admin/x', '/public/%2e%2e/admin/x', '/public/%2E./admin/x', '/./admin/x', '/public/.%2e/admin/x'],
  ],
  [
    'CVE-2026-42272',
    ['/admin%2fx', '/admin%2Fx', '/public%2f..%2fadmin/x', '/public/..%2Fadmin/x', '/public/%2e%2e%2fadmin/x'],
  ],
  ['CVE-2021-29492', ['/public/..%5cadmin/x', '/public/..%5Cadmin', '/%5cadmin', '/public\\..\\admin/x', '/\\admin/x']],
  ['double encoding', ['/public/%252e%252e/admin/x', '/public/..%252fadmin/x', '/%2561dmin/../admin']],
  [
    'CVE-2025-66490',
    ['/public/%3f/../admin/x', '/public/x%00/../../admin/x', '/admin%00.png', '/admin%23', '/admin%3b/x', '/admin%3fx'],
  ],
  [
    'CVE-2026-48020',
    [
      '/strip../admin/x',
      '/strip%2e%2e/admin/x',
      '/strip/..%2fadmin/x',
      '/strip/../admin/x',
      '/strip/..;/admin/x',
      '/strip//admin/x',
      '/stripx/admin/x',
    ],
  ],
  [
    'CVE-2026-65600',
    [
      '/rewrite/%2e%2e/admin/x',
      '/rewrite/../admin/x',
      '/rewrite/..;x/admin/x',
      '/rewrite/..%2f..%2fadmin/x',
      '/rewrite/./../admin',
      '/rewrite//admin/x',
    ],
  ],
  ['CVE-2026-88009', ['http:http://internal/admin/x', 'admin/x', 'http:/admin/x', 'http:///admin/x']],
  [
    'CVE-2026-41059',
    ['http://evil.test/admin/x', '/admin/x#/public', 'http://gateway.test#@evil.test/admin', '/public#/../admin/x'],
  ],
  ['CVE-2021-32779', ['/admin/x#', '/public/x#fragment', 'http://gateway.test/public#x']],
  [
    'CVE-2026-27587',
    [
      '/%61dmin/x',
      '/%61%64%6d%69%6e/x',
      '/admin/',
      '/admin;x=1',
      '/admin;x=1/x',
      '/..;/admin/x',
      '/public/..;a=b/admin/x',
      '/;/admin/x',
    ],
  ],
  [
    'WHATWG URL',
    ['//evil.test/admin/x', '//admin/x', '/public//../admin/x', '///admin/x', '/\tadmin/x', '/ad\nmin/x', '*'],
  ],
  [
    'overlong UTF-8',
    [
      '/public/%c0%ae%c0%ae/admin/x',
      '/public/%e0%80%ae%e0%80%ae/admin',
      '/public/..%c0%afadmin/x',
      '/public/%c0%2e%c0%2e/admin/x',
    ],
  ],
  ['IIS', ['/public/%u002e%u002e/admin/x', '/public/..%u2215admin', '/public/%uff0e%uff0e/admin', '/%zzadmin', '/%']],
  [
    'encoded where allowed',
    [
      '/encoded/..%2fadmin/x',
      '/encoded/%2e%2e%2fadmin/x',
      '/encoded/a%2f..%2f..%2fadmin',
      '/encoded/..;/admin/x',
      '/encoded/..%3b/admin/x',
      '/encoded%2f../admin/x',
    ],
  ],
  ['controls', ['/public/..%09/admin/x', '/public/%0a../admin/x', '/admin%0d%0ax', '/public/.%00./admin/x']],
]

const aliases: readonly (readonly [string, string])[] = [
  ['a query decides nothing (CVE-2025-54576)', '/admin/x?next=/public/x'],
  ['a query is no path', '/admin/x?/../public'],
  ['unreserved escapes are the same path', '/%61dmin/x'],
  ['a trailing slash leads nowhere else', '/admin/'],
  ['an absolute form leads nowhere else', 'http://gateway.test/admin/x'],
]

suite('confused paths', () => {
  const keep = keeper()
  let fortress: Fortress

  before(async () => {
    fortress = await startFortress(keep)
  })

  /** Everything the service received for one target, by some methods, with headers that could mislead. */
  const received = async (target: string) => {
    const { port, upstream } = fortress
    const seen = upstream.requests.length
    const misleading = { 'X-Original-URL': '/public/x', 'X-Forwarded-Uri': '/public/x', 'X-Rewrite-URL': '/public/x' }
    for (const method of ['GET', 'POST', 'OPTIONS'])
      await exchange(port, requestBytes(`${method} ${target}`, misleading)).catch(() => undefined)
    return upstream.requests.slice(seen)
  }

  for (const [advisory, spellings] of targets)
    test(`${advisory}: no spelling leads an anonymous request under ${PROTECTED}`, async () => {
      for (const target of spellings) assertSafe(await received(target), PROTECTED)
    })

  for (const [promise, target] of aliases)
    test(`${promise}: ${target} needs an identity`, async () => {
      assert.deepEqual(await received(target), [])
      assert.equal(
        (await exchange(fortress.port, requestBytes(`GET ${target}`, fortress.issuer.as('alice')))).status,
        200,
      )
    })

  test('GHSA-r8x2-fhmf-6mxp: what is decided on is what is sent, byte for byte', async () => {
    for (const target of [
      '/public/a%20b%41?x=%3F&y=/../z',
      '/public/~u%7e;'.slice(0, -1),
      "/public/a!$&'()*+,=:@b",
      '/public/%E4%BD%A0',
    ]) {
      const requests = await received(target)
      assert.deepEqual(new Set(requests.map((request) => request.target)), new Set([target]))
    }
  })

  test('CVE-2026-27588: hosts are told apart without regard to case, port and final dot', async () => {
    for (const host of ['gateway.test', 'GATEWAY.test', 'gateway.test.', 'gateway.test:80', 'other.test', '[::1]']) {
      const response = await exchange(fortress.port, requestBytes('GET /admin/x', { Host: host }))
      assert.equal(response.status, 401, host)
    }
  })

  test('hosts with empty labels are none', async () => {
    for (const host of ['gateway..test', 'gateway.test..', '.gateway.test', '..', '.'])
      assert.equal((await exchange(fortress.port, requestBytes('GET /public/x', { Host: host }))).status, 400, host)
  })
})
