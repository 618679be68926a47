import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { authorize } from '#authz/authorize.ts'
import type { RequireOptions } from '#authz/require.ts'
import { type Evidence, newEvidence } from '#request/evidence.ts'
import type { Principal } from '#request/principal.ts'

import { principal } from '../support/incoming.ts'

function evidence(): Evidence {
  return newEvidence('r1', '4bf92f3577b34da6a3ce929d0e0e4736')
}

/** `pass`, or the code of the refusal. */
function outcome(required: RequireOptions | undefined, who: Principal | undefined): string {
  const verdict = authorize(required, { shadow: false })(who, evidence())
  return verdict.kind === 'pass' ? 'pass' : verdict.code
}

suite('authorize', () => {
  test('gives a permit with the identity', () => {
    const alice = principal({ roles: ['user'] })
    const verdict = authorize({ roles: ['user'] }, { shadow: false })(alice, evidence())
    assert.ok(verdict.kind === 'pass')
    assert.equal(verdict.value.principal, alice)
  })

  test('requires nothing when the route does not, not even an identity', () => {
    const alice = principal()
    const stage = authorize(undefined, { shadow: false })
    assert.deepEqual(stage(undefined, evidence()), { kind: 'pass', value: { principal: undefined } })
    assert.deepEqual(stage(alice, evidence()), { kind: 'pass', value: { principal: alice } })
  })

  test('asks an anonymous request for a credential', () => {
    assert.equal(outcome({ roles: ['user'] }, undefined), 'no_credentials')
    assert.equal(outcome({ scopes: ['a'] }, undefined), 'no_credentials')
  })

  const granted = {
    permissions: ['items:*', 'orders:read', 'stock:eu:*'],
    roles: ['editor', 'user'],
    scopes: ['openid', 'orders.read', 'wild:*'],
    groups: ['staff'],
    claims: {
      realm_access: { roles: ['x', 'y'] },
      'https://acme.test/tenant': 'north',
      level: 3,
      verified: true,
      list: [1, 'two'],
      nothing: null,
    },
  }
  const rows: readonly (readonly [required: RequireOptions, outcome: string])[] = [
    [{ permissions: ['orders:read'] }, 'pass'],
    [{ permissions: ['orders:read', 'items:write'] }, 'pass'],
    [{ permissions: ['orders:read', 'orders:write'] }, 'permission_denied'],
    [{ permissions: ['items:a:b'] }, 'pass'],
    [{ permissions: ['items:*'] }, 'pass'],
    [{ permissions: ['items:'] }, 'pass'],
    [{ permissions: ['items'] }, 'permission_denied'],
    [{ permissions: ['itemsx:read'] }, 'permission_denied'],
    [{ permissions: ['stock:eu:read'] }, 'pass'],
    [{ permissions: ['stock:us:read'] }, 'permission_denied'],
    [{ permissions: ['orders:*'] }, 'permission_denied'],
    [{ permissions: ['*'] }, 'permission_denied'],
    [{ any_permission: ['orders:write', 'orders:read'] }, 'pass'],
    [{ any_permission: ['orders:write', 'orders:delete'] }, 'permission_denied'],
    [{ roles: ['user', 'editor'] }, 'pass'],
    [{ roles: ['user', 'admin'] }, 'permission_denied'],
    [{ any_role: ['user', 'admin'] }, 'pass'],
    [{ any_role: ['User', 'admin'] }, 'permission_denied'],
    [{ roles: ['staff'] }, 'permission_denied'],
    [{ scopes: ['openid', 'orders.read'] }, 'pass'],
    [{ scopes: ['openid', 'orders.write'] }, 'insufficient_scope'],
    [{ any_scope: ['orders.write', 'openid'] }, 'pass'],
    [{ any_scope: ['orders.write'] }, 'insufficient_scope'],
    [{ scopes: ['wild:read'] }, 'insufficient_scope'],
    [{ permissions: ['orders.read'] }, 'permission_denied'],
    [{ permissions: ['wild:read'] }, 'permission_denied'],
    [{ scopes: ['orders:read'] }, 'insufficient_scope'],
    [{ scopes: ['other'], roles: ['admin'] }, 'insufficient_scope'],
    [{ scopes: ['openid'], roles: ['admin'] }, 'permission_denied'],
    [{ scopes: ['openid'], roles: ['user'], permissions: ['items:x'] }, 'pass'],
    [{ claims: { 'realm_access.roles': 'x' } }, 'pass'],
    [{ claims: { 'realm_access.roles': ['x', 'y'] } }, 'pass'],
    [{ claims: { 'realm_access.roles': ['x', 'z'] } }, 'permission_denied'],
    [{ claims: { 'https://acme.test/tenant': 'north', level: 3, verified: true } }, 'pass'],
    [{ claims: { 'https://acme.test/tenant': 'north', level: 4 } }, 'permission_denied'],
    [{ claims: { level: '3' } }, 'permission_denied'],
    [{ claims: { verified: 'true' } }, 'permission_denied'],
    [{ claims: { list: [1, 'two'] } }, 'pass'],
    [{ claims: { list: '1' } }, 'permission_denied'],
    [{ claims: { nothing: 'null' } }, 'permission_denied'],
    [{ claims: { missing: 'undefined' } }, 'permission_denied'],
    [{ claims: { 'constructor.name': 'Object' } }, 'permission_denied'],
    [{ any_claim: { level: 4, 'https://acme.test/tenant': ['south', 'north'] } }, 'pass'],
    [{ any_claim: { level: 4, 'https://acme.test/tenant': ['south', 'east'] } }, 'permission_denied'],
  ]
  for (const [required, expected] of rows)
    test(`${JSON.stringify(required)} is ${expected}`, () => {
      assert.equal(outcome(required, principal(granted)), expected)
    })

  test('`*` grants every permission, but no role, scope or claim', () => {
    const root = principal({ permissions: ['*'], roles: ['*'], scopes: ['*'] })
    assert.equal(outcome({ permissions: ['a', 'a:b', '*', 'a:*'] }, root), 'pass')
    assert.equal(outcome({ roles: ['a'] }, root), 'permission_denied')
    assert.equal(outcome({ scopes: ['a'] }, root), 'insufficient_scope')
  })

  test('a star that is not the last part is an ordinary character', () => {
    const odd = principal({ permissions: ['*:read', 'a:*:c', 'b*', 'c:d*'] })
    for (const permission of ['a:read', 'a:b:c', 'bc', 'c:de'])
      assert.equal(outcome({ permissions: [permission] }, odd), 'permission_denied', permission)
  })

  test('tells the operator everything that is missing', () => {
    const required: RequireOptions = {
      scopes: ['openid', 'a', 'b'],
      any_scope: ['c', 'd'],
      roles: ['admin'],
      any_permission: ['x:y', 'z'],
      claims: { tenant: ['n', 's'] },
    }
    const stage = authorize(required, { shadow: false })
    const scopeless = stage(principal({ scopes: ['openid'] }), evidence())
    assert.ok(scopeless.kind === 'deny')
    assert.equal(scopeless.note, 'lacks scope a, scope b, any of scope c, scope d')
    const verdict = stage(principal({ scopes: ['a', 'b', 'c', 'openid'] }), evidence())
    assert.ok(verdict.kind === 'deny')
    assert.equal(verdict.note, 'lacks any of permission x:y, permission z, role admin, claim tenant=n, claim tenant=s')
  })

  test('judges a principal once', () => {
    let reads = 0
    const watched = {
      ...principal(),
      get roles() {
        reads += 1
        return ['user']
      },
    }
    const stage = authorize({ roles: ['user'] }, { shadow: false })
    assert.equal(stage(watched, evidence()), stage(watched, evidence()))
    assert.equal(reads, 1)
  })

  test('judges each principal for itself, and each route for itself', () => {
    const [user, admin] = [principal({ roles: ['user'] }), principal({ roles: ['admin'] })]
    const [forUsers, forAdmins] = ['user', 'admin'].map((role) => authorize({ roles: [role] }, { shadow: false }))
    const kinds = [user, admin, user].map((who) => [
      forUsers?.(who, evidence()).kind,
      forAdmins?.(who, evidence()).kind,
    ])
    assert.deepEqual(kinds, [
      ['pass', 'deny'],
      ['deny', 'pass'],
      ['pass', 'deny'],
    ])
  })
})

suite('authorize in shadow mode', () => {
  test('lets a refusal pass and records it, also when it is remembered', () => {
    const stage = authorize({ roles: ['admin'] }, { shadow: true })
    const alice = principal()
    for (const round of [1, 2]) {
      const seen = evidence()
      assert.deepEqual(stage(alice, seen), { kind: 'pass', value: { principal: alice } }, `round ${round}`)
      assert.equal(seen.shadow, 'permission_denied')
    }
  })

  test('lets an anonymous request pass without an identity', () => {
    const seen = evidence()
    const verdict = authorize({ scopes: ['a'] }, { shadow: true })(undefined, seen)
    assert.deepEqual(verdict, { kind: 'pass', value: { principal: undefined } })
    assert.equal(seen.shadow, 'no_credentials')
  })

  test('records nothing when there is nothing to refuse, and keeps what an earlier stage recorded', () => {
    const seen = evidence()
    authorize({ roles: ['user'] }, { shadow: true })(principal({ roles: ['user'] }), seen)
    assert.equal(seen.shadow, undefined)
    seen.shadow = 'rate_limited'
    authorize({ roles: ['admin'] }, { shadow: true })(principal(), seen)
    assert.equal(seen.shadow, 'rate_limited')
  })
})

suite('authorize, any grants', () => {
  const part = fc.constantFrom('a', 'b', '*')
  const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(':'))

  test('a permission is had exactly when a grant is it, or is a wildcard above it', () => {
    const has = (granted: string, required: string) =>
      granted === required || granted === '*' || (granted.endsWith(':*') && required.startsWith(granted.slice(0, -1)))
    fc.assert(
      fc.property(fc.array(name, { maxLength: 3 }), name, (permissions, required) => {
        const expected = permissions.some((granted) => has(granted, required)) ? 'pass' : 'permission_denied'
        assert.equal(outcome({ permissions: [required] }, principal({ permissions })), expected)
      }),
      { numRuns: 2000 },
    )
  })

  test('more grants never take away, more requirements never give', () => {
    const names = fc.array(name, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(names, names, names, (permissions, more, required) => {
        const before = outcome({ permissions: required }, principal({ permissions }))
        const richer = outcome({ permissions: required }, principal({ permissions: [...permissions, ...more] }))
        const stricter = outcome({ permissions: [...required, ...more] }, principal({ permissions }))
        if (before === 'pass') assert.equal(richer, 'pass')
        else assert.equal(stricter, 'permission_denied')
      }),
    )
  })
})
