import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { z } from 'zod'

import { requireSchema } from '#authz/require.ts'

suite('requireSchema', () => {
  test('accepts each key', () => {
    const written = {
      permissions: ['orders:read'],
      any_permission: ['a', 'b'],
      roles: ['admin'],
      any_role: ['user'],
      scopes: ['openid'],
      any_scope: ['x'],
      claims: { 'realm_access.roles': ['a', 'b'], level: 3, verified: true },
      any_claim: { tenant: 'north' },
    }
    assert.deepEqual(requireSchema.parse(written), written)
  })

  const wrong: readonly (readonly [what: string, written: unknown])[] = [
    ['nothing', {}],
    ['an unknown key', { permission: ['a'] }],
    ['an empty list', { permissions: [] }],
    ['a text for a list', { roles: 'admin' }],
    ['an empty name', { scopes: [''] }],
    ['no claims', { claims: {} }],
    ['an empty list of values', { claims: { a: [] } }],
    ['an empty path', { claims: { '': 'a' } }],
    ['an object as a value', { any_claim: { a: { b: 1 } } }],
    ['null as a value', { claims: { a: null } }],
  ]
  for (const [what, written] of wrong)
    test(`refuses ${what}`, () => {
      assert.equal(requireSchema.safeParse(written).success, false)
    })

  test('has a JSON Schema', () => {
    assert.equal(z.toJSONSchema(requireSchema, { io: 'input' }).type, 'object')
  })
})
