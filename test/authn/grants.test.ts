/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { completeGrants, type GrantsMode, type RoleMap } from '#authn/grants.ts'
import type { StalePolicy } from '#cache/freshness.ts'
import type { Principal } from '#request/principal.ts'
import type { Verdict } from '#request/verdict.ts'

import { evidence } from '../support/authn.ts'
import { testDirectory } from '../support/directory.ts'
import { principal } from '../support/incoming.ts'

const roles: RoleMap = { user: ['orders:read'], admin: ['orders:*', 'users:*'] }

function setUp(mode: GrantsMode) {
  const directory = testDirectory()
  directory.people.set('https://id.test alice', { roles: ['admin'], permissions: ['audit:read'], active: true })
  const complete = completeGrants({ mode, roles, lookups: directory.lookups })
  const noted = evidence()
  const run = async (who: Principal, stale: StalePolicy = 'deny'): Promise<Verdict<Principal>> =>
    complete(who, noted, stale)
  return { directory, complete, run, noted }
}

const grantsOf = (verdict: Verdict<Principal>) =>
  verdict.kind === 'pass' ? { roles: verdict.value.roles, permissions: verdict.value.permissions } : verdict.code

const alice = principal({ roles: ['user', 'auditor'], permissions: ['reports:run'] })

suite('completeGrants', () => {
  test('takes claims alone, with the permissions of their roles by the file', async () => {
    const { directory, run } = setUp('claims')
    assert.deepEqual(grantsOf(await run(alice)), {
      roles: ['auditor', 'user'],
      permissions: ['orders:read', 'reports:run'],
    })
    assert.equal(directory.asked, 0)
  })

  test('takes the directory alone', async () => {
    const { run } = setUp('directory')
    assert.deepEqual(grantsOf(await run(alice)), {
      roles: ['admin'],
      permissions: ['audit:read', 'orders:*', 'users:*'],
    })
  })

  test('takes both together', async () => {
    const { run } = setUp('both')
    assert.deepEqual(grantsOf(await run(alice)), {
      roles: ['admin', 'auditor', 'user'],
      permissions: ['audit:read', 'orders:*', 'orders:read', 'reports:run', 'users:*'],
    })
  })

  test('keeps equal subjects of two issuers apart', async () => {
    const { run } = setUp('directory')
    const other = principal({ issuer: 'https://other.test' })
    assert.deepEqual(grantsOf(await run(other)), { roles: [], permissions: [] })
  })

  test('gives nothing for role names that every object has', async () => {
    const { run } = setUp('claims')
    const odd = principal({ roles: ['__proto__', 'constructor', 'toString'] })
    assert.deepEqual(grantsOf(await run(odd)), { roles: ['__proto__', 'constructor', 'toString'], permissions: [] })
  })

  test('answers at once when memory knows the grants', async () => {
    const { complete, run, noted } = setUp('directory')
    await run(alice)
    assert.equal(complete(alice, noted, 'deny') instanceof Promise, false)
  })

  test('gives the same frozen object for the same credential and grants, over a refresh too', async () => {
    const { directory, run } = setUp('directory')
    const valueOf = async () => {
      const verdict = await run(alice)
      return verdict.kind === 'pass' ? verdict.value : undefined
    }
    const first = await valueOf()
    assert.ok(Object.isFrozen(first) && Object.isFrozen(first?.roles) && Object.isFrozen(first?.permissions))
    assert.equal(await valueOf(), first)
    directory.now += 5000
    assert.equal(await valueOf(), first)
    assert.equal(directory.asked, 2)
  })

  test('follows grants that change, within five seconds', async () => {
    const { directory, run } = setUp('directory')
    await run(alice)
    directory.people.set('https://id.test alice', { roles: [], permissions: [], active: true })
    directory.now += 5000
    assert.deepEqual(grantsOf(await run(alice)), { roles: [], permissions: [] })
  })

  test('refuses an identity that the directory knows as disabled', async () => {
    const { directory, run } = setUp('both')
    directory.people.set('https://id.test alice', { roles: ['admin'], permissions: [], active: false })
    assert.equal(grantsOf(await run(alice)), 'permission_denied')
  })

  test('is unavailable when the directory cannot be asked, but for what the policy lets be served', async () => {
    const { directory, run, noted } = setUp('directory')
    await run(alice)
    directory.down = true
    directory.now += 10_000
    assert.equal(grantsOf(await run(alice)), 'store_unavailable')
    assert.equal(noted.stale, false)
    assert.deepEqual((await run(alice, { serve_for: 60_000 })).kind, 'pass')
    assert.deepEqual([noted.stale, noted.cache_age], [true, 10_000])
  })

  test('is unavailable when grants come from a directory that there is not', async () => {
    const complete = completeGrants({ mode: 'both', roles, lookups: undefined })
    assert.equal(grantsOf(await complete(alice, evidence(), 'deny')), 'store_unavailable')
  })

  test('needs no directory for claims while every store is down', async () => {
    const { directory, complete, noted } = setUp('claims')
    directory.down = true
    assert.equal(complete(alice, noted, 'deny') instanceof Promise, false)
  })
})
