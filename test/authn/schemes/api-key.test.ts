/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createKeySets } from '#authn/key-sets.ts'
import type { StalePolicy } from '#cache/freshness.ts'
import { apiKey, apiKeyOptions } from '#authn/schemes/api-key.ts'
import { digest, newApiKey } from '#directory/secrets.ts'
import { unhindered } from '#request/asker.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { evidence, outcomeOf } from '../../support/authn.ts'
import { apiKeyRecord, END, testDirectory } from '../../support/directory.ts'
import { incoming } from '../../support/incoming.ts'

const NOW = Date.UTC(2026, 0, 1)
const { id, value: key } = newApiKey()
const listed = 'legacy key of the cron job'

function setUp(written: Record<string, unknown> = {}, withDirectory = true) {
  const directory = testDirectory()
  directory.apiKeys.set(id, apiKeyRecord(key, { id }))
  const wall = { now: NOW }
  const metrics = createMetrics()
  const scheme = apiKey.create('keys', apiKeyOptions.parse(written), {
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

const header = (text: string) => ['X-API-Key', text]
const fileKey = (part: Record<string, unknown> = {}) => ({
  keys: [{ id: 'cron', digest: `sha256:${digest(listed)}`, subject: 'cron', roles: ['user'], ...part }],
})

suite('API key scheme', () => {
  test('makes a principal with the grants of the key itself', async () => {
    const { attempt, directory, noted } = setUp()
    directory.people.set('heimdall reporting', { roles: ['admin'], permissions: ['everything'], active: true })
    directory.apiKeys.set(id, apiKeyRecord(key, { id, name: 'nightly', tenant: 'acme', expires_at: END }))
    const passed = await attempt(header(key))
    assert.deepEqual(passed.kind === 'pass' && passed.value, {
      issuer: 'heimdall',
      subject: 'reporting',
      authenticator: 'keys',
      scheme: 'api_key',
      roles: ['user'],
      permissions: ['orders:read', 'profile:read'],
      scopes: [],
      groups: [],
      name: 'nightly',
      tenant: 'acme',
      client: id,
      expires_at: END,
      claims: {},
    })
    assert.deepEqual([noted.authenticator, noted.by_cookie, noted.cache], ['keys', false, 'source'])
  })

  test('answers at once and with the same principal when memory knows the key', async () => {
    const { attempt } = setUp()
    const first = await attempt(header(key))
    const second = attempt(header(key))
    assert.ok(!(second instanceof Promise) && first.kind === 'pass' && second.kind === 'pass')
    assert.equal(second.value, first.value)
  })

  test('skips requests without its header, whatever else they carry', async () => {
    const { outcome } = setUp()
    assert.equal(await outcome(), 'skip')
    assert.equal(await outcome('Authorization', `Bearer ${key}`, 'X-Api-Keys', key), 'skip')
  })

  test('refuses every key that is not known, without asking the directory about other forms', async () => {
    const { outcome, directory } = setUp()
    for (const wrong of ['', 'x', '__proto__', `${key}x`, key.toUpperCase(), 'x'.repeat(257), 'x'.repeat(5000)])
      assert.equal(await outcome(...header(wrong)), 'invalid_api_key', wrong)
    assert.equal(directory.asked, 0)
    assert.equal(await outcome(...header(newApiKey().value)), 'invalid_api_key')
    assert.equal(directory.asked, 1)
  })

  test('refuses a known id with another secret, and keeps the key itself working', async () => {
    const { outcome } = setUp()
    const forged = `hd_${id}_${newApiKey().value.slice(-43)}`
    assert.equal(await outcome(...header(forged)), 'invalid_api_key')
    assert.equal(await outcome(...header(key)), 'pass')
  })

  test('refuses a header sent twice, even with the same key', async () => {
    const { outcome } = setUp()
    assert.equal(await outcome(...header(key), ...header(key)), 'invalid_api_key')
  })

  test('refuses a key that is revoked or of a disabled subject', async () => {
    const { outcome, directory } = setUp()
    directory.apiKeys.set(id, apiKeyRecord(key, { id, revoked: true }))
    assert.equal(await outcome(...header(key)), 'invalid_api_key')
    directory.now += 5000
    directory.apiKeys.set(id, apiKeyRecord(key, { id, active: false }))
    assert.equal(await outcome(...header(key)), 'invalid_api_key')
  })

  test('refuses a key at the very moment it expires, though memory still knows it as good', async () => {
    const { outcome, directory, wall } = setUp()
    directory.apiKeys.set(id, apiKeyRecord(key, { id, expires_at: NOW + 1000 }))
    assert.equal(await outcome(...header(key)), 'pass')
    wall.now += 1000
    assert.equal(await outcome(...header(key)), 'invalid_api_key')
  })

  test('never puts the key into the reason of a refusal', async () => {
    const { attempt, directory } = setUp()
    directory.apiKeys.set(id, apiKeyRecord(key, { id, revoked: true }))
    for (const sent of [key, newApiKey().value, 'secret-text']) {
      const refused = await attempt(header(sent))
      assert.ok(refused.kind === 'deny' && !refused.note.includes(sent.slice(-20)))
    }
  })

  test('is unavailable, not refused, when nobody can tell; an old answer only as the route says', async () => {
    const { attempt, outcome, directory } = setUp()
    await outcome(...header(key))
    directory.down = true
    directory.now += 60_000
    assert.equal(await outcome(...header(key)), 'store_unavailable')
    assert.equal(outcomeOf(await attempt(header(key), { serve_for: 60_000 })), 'pass')
    assert.equal(outcomeOf(await attempt(header(key), { serve_for: 59_999 })), 'store_unavailable')
  })

  test('accepts keys listed in the file, without a directory', async () => {
    const { attempt, noted, outcome } = setUp(fileKey({ name: 'Cron', tenant: 'acme', permissions: ['b', 'a'] }), false)
    const passed = attempt(header(listed))
    assert.ok(!(passed instanceof Promise) && passed.kind === 'pass')
    const { subject, client, name, tenant, roles, permissions } = passed.value
    assert.deepEqual([subject, client, name, tenant, roles], ['cron', 'cron', 'Cron', 'acme', ['user']])
    assert.deepEqual(permissions, ['a', 'b', 'profile:read'])
    assert.equal(noted.cache, 'file')
    assert.equal(await outcome(...header(key)), 'invalid_api_key')
  })

  test('accepts keys listed in the file while the directory is down', async () => {
    const { directory, outcome } = setUp(fileKey())
    directory.down = true
    assert.equal(await outcome(...header(listed)), 'pass')
  })

  test('ends a key of the file on its day', async () => {
    const { outcome, wall } = setUp(fileKey({ expires: '2026-06-30' }))
    wall.now = Date.UTC(2026, 5, 29, 23, 59)
    assert.equal(await outcome(...header(listed)), 'pass')
    wall.now = Date.UTC(2026, 5, 30)
    assert.equal(await outcome(...header(listed)), 'invalid_api_key')
  })

  test('reads the header it is told, in any case', async () => {
    const { outcome, scheme } = setUp({ header: 'X-Partner-Token' })
    assert.equal(await outcome('x-PARTNER-token', key), 'pass')
    assert.deepEqual(scheme.credential, { headers: ['x-partner-token'] })
    assert.equal(scheme.challenge, undefined)
    assert.equal(scheme.addressed(incoming({ headers: ['X-Partner-Token', ''] })), true)
    assert.equal(scheme.addressed(incoming({ headers: header(key) })), false)
  })

  test('has options that refuse what could not be meant', () => {
    const refuses = (written: unknown) => assert.equal(apiKeyOptions.safeParse(written).success, false)
    refuses({ header: 'X API' })
    refuses({ keys: [{ id: 'a', digest: digest('x'), subject: 's' }] })
    refuses({ keys: [{ id: 'a', digest: `sha256:${digest('x').toUpperCase()}`, subject: 's' }] })
    refuses({ keys: [{ id: 'a', key: 'plain', subject: 's' }] })
    refuses({ keys: [{ id: 'a', digest: `sha256:${digest('x')}`, subject: 's', expires: 'soon' }] })
    refuses({ keys: [{ id: 'a', digest: `sha256:${digest('x')}`, subject: 's', expires: '2026-02-31' }] })
  })
})
