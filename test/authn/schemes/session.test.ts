/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { session, sessionOptions } from '#authn/schemes/session.ts'
import { createKeySets } from '#authn/key-sets.ts'
import type { StalePolicy } from '#cache/freshness.ts'
import { digest, newSession } from '#directory/secrets.ts'
import { unhindered } from '#request/asker.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { evidence, outcomeOf } from '../../support/authn.ts'
import { END, sessionRecord, testDirectory } from '../../support/directory.ts'
import { incoming } from '../../support/incoming.ts'

const { value } = newSession()

function setUp(written: Record<string, unknown> = {}, withDirectory = true) {
  const directory = testDirectory()
  directory.sessions.set(digest(value), sessionRecord())
  directory.people.set('heimdall alice', { roles: ['user'], permissions: ['orders:read'], active: true })
  const wall = { now: END - 3_600_000 }
  const metrics = createMetrics()
  const scheme = session.create('login', sessionOptions.parse(written), {
    clock: () => wall.now,
    keySets: createKeySets({ metrics, log: silent }),
    lookups: withDirectory ? directory.lookups : undefined,
    roles: { user: ['profile:read'] },
    claims: [],
    metrics,
    log: silent,
  })
  const noted = evidence()
  const attempt = (headers: string[], stale: StalePolicy = 'deny') =>
    scheme.attempt(incoming({ headers }), noted, stale, unhindered)
  const outcome = async (...headers: string[]) => outcomeOf(await attempt(headers))
  return { directory, wall, scheme, noted, attempt, outcome }
}

const cookie = (text: string) => ['Cookie', `heimdall_session=${text}`]
const bearer = (text: string) => ['Authorization', `Bearer ${text}`]

suite('session scheme', () => {
  test('makes a principal of the directory, with its grants', async () => {
    const { attempt, noted } = setUp()
    const passed = await attempt(cookie(value))
    assert.deepEqual(passed.kind === 'pass' && passed.value, {
      issuer: 'heimdall',
      subject: 'alice',
      authenticator: 'login',
      scheme: 'session',
      roles: ['user'],
      permissions: ['orders:read', 'profile:read'],
      scopes: [],
      groups: [],
      email: 'alice@acme.test',
      name: 'Alice',
      tenant: 'acme',
      session: 's1',
      expires_at: END,
      claims: {},
    })
    assert.deepEqual([noted.authenticator, noted.by_cookie, noted.cache], ['login', true, 'source'])
  })

  test('leaves out what is not known of the person', async () => {
    const { attempt, directory } = setUp()
    directory.sessions.set(digest(value), sessionRecord({ email: null, name: null, tenant: null }))
    const passed = await attempt(cookie(value))
    assert.ok(
      passed.kind === 'pass' && !('email' in passed.value || 'name' in passed.value || 'tenant' in passed.value),
    )
  })

  test('takes the value as a bearer token too, and tells that it did not come by cookie', async () => {
    const { outcome, noted } = setUp()
    assert.equal(await outcome(...bearer(value)), 'pass')
    assert.equal(noted.by_cookie, false)
  })

  test('answers at once and with the same principal when memory knows the session', async () => {
    const { attempt, noted } = setUp()
    const first = await attempt(cookie(value))
    const second = attempt(cookie(value))
    assert.ok(!(second instanceof Promise) && first.kind === 'pass' && second.kind === 'pass')
    assert.equal(second.value, first.value)
    assert.equal(noted.cache, 'source')
  })

  test('skips requests that bring no session', async () => {
    const { outcome } = setUp()
    assert.equal(await outcome(), 'skip')
    assert.equal(await outcome('Cookie', 'other=1; heimdall_session2=x'), 'skip')
    assert.equal(await outcome(...bearer('eyJ.e30.c2ln')), 'skip')
    assert.equal(await outcome('Authorization', 'Basic aHM6eA=='), 'skip')
  })

  test('never lets a damaged value through as no credential', async () => {
    const { outcome } = setUp()
    for (const damaged of ['', '%%%', 'hs_', `${value}x`, `"${value}"`, 'null', value.slice(3)])
      assert.equal(await outcome(...cookie(damaged)), 'invalid_session', damaged)
    assert.equal(await outcome(...bearer(`${value}x`)), 'invalid_session')
  })

  test('refuses more than one session, wherever they stand', async () => {
    const { outcome } = setUp()
    assert.equal(await outcome('Cookie', `heimdall_session=${value}; heimdall_session=${value}`), 'invalid_session')
    assert.equal(await outcome(...cookie(value), ...cookie(newSession().value)), 'invalid_session')
    assert.equal(await outcome(...cookie(value), ...bearer(value)), 'invalid_session')
  })

  test('refuses a session that is unknown, ended, or of a disabled person', async () => {
    const { outcome, directory } = setUp()
    const put = (part: Parameters<typeof sessionRecord>[0]) => {
      const other = newSession().value
      directory.sessions.set(digest(other), sessionRecord(part))
      return cookie(other)
    }
    assert.equal(await outcome(...cookie(newSession().value)), 'invalid_session')
    assert.equal(await outcome(...put({ revoked: true })), 'invalid_session')
    assert.equal(await outcome(...put({ active: false })), 'invalid_session')
  })

  test('refuses a session at the very moment it expires, though memory still knows it as good', async () => {
    const { outcome, wall } = setUp()
    wall.now = END - 1
    assert.equal(await outcome(...cookie(value)), 'pass')
    wall.now = END
    assert.equal(await outcome(...cookie(value)), 'invalid_session')
  })

  test('is unavailable, not refused, when nobody can tell', async () => {
    const { outcome, directory } = setUp()
    directory.down = true
    assert.equal(await outcome(...cookie(value)), 'store_unavailable')
    assert.equal(await setUp({}, false).outcome(...cookie(value)), 'store_unavailable')
  })

  test('serves an old answer while the directory is down, if the route says so, but never past its expiry', async () => {
    const { attempt, directory, wall, noted } = setUp()
    await attempt(cookie(value))
    directory.down = true
    directory.now += 60_000
    assert.equal(outcomeOf(await attempt(cookie(value))), 'store_unavailable')
    assert.equal(outcomeOf(await attempt(cookie(value), { serve_for: 300_000 })), 'pass')
    assert.equal(noted.stale, true)
    wall.now = END
    assert.equal(outcomeOf(await attempt(cookie(value), { serve_for: 300_000 })), 'invalid_session')
  })

  test('waits once for a directory that is down: for the session, not for its grants again', async () => {
    const { attempt, directory } = setUp()
    await attempt(cookie(value))
    directory.down = true
    directory.now += 60_000
    const before = directory.asked
    assert.equal(outcomeOf(await attempt(cookie(value), { serve_for: 300_000 })), 'pass')
    assert.equal(directory.asked, before + 1)
  })

  test('reads the cookie it is told, and no bearer token when told so', async () => {
    const { outcome, scheme } = setUp({ cookie: 'sid', bearer: false })
    assert.equal(await outcome('Cookie', `sid=${value}`), 'pass')
    assert.equal(await outcome(...bearer(value)), 'skip')
    assert.deepEqual(scheme.credential, { headers: [], cookie: 'sid' })
    assert.equal(scheme.challenge, undefined)
    assert.equal(scheme.addressed(incoming({ headers: bearer('x') })), false)
  })

  test('says where its credential stands, and whether anything stands there', () => {
    const { scheme } = setUp()
    assert.deepEqual(scheme.credential, { headers: ['authorization'], cookie: 'heimdall_session' })
    assert.equal(scheme.challenge, 'Bearer')
    const addressed = [[], cookie('x'), bearer('x'), ['Authorization', 'Basic eDp5']]
    assert.deepEqual(
      addressed.map((headers) => scheme.addressed(incoming({ headers }))),
      [false, true, true, true],
    )
  })

  test('has options that refuse names no cookie can have', () => {
    for (const name of ['', 'a b', 'a=b', 'a;b', 'x'.repeat(65)])
      assert.equal(sessionOptions.safeParse({ cookie: name }).success, false, name)
    assert.equal(sessionOptions.safeParse({ cookies: 'x' }).success, false)
  })
})
