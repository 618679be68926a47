import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { Facts } from '#authn/jwt/facts.ts'
import { principalOf } from '#authn/jwt/principal.ts'

const vouching = { authenticator: 'acme', issuer: 'https://id.test' }
const facts: Facts = {
  subject: 'alice',
  roles: ['admin'],
  permissions: ['orders:read'],
  groups: ['eu'],
  scopes: ['openid'],
  email: 'alice@acme.test',
  name: 'Alice',
  tenant: 't1',
  client: 'web',
  claims: { department: 'sales' },
}

suite('principalOf', () => {
  test('says all facts, and who vouches for them', () => {
    const expected = { ...facts, issuer: 'https://id.test', authenticator: 'acme', scheme: 'jwt', expires_at: 1000 }
    assert.deepEqual(principalOf(facts, 1000, vouching), expected)
  })

  for (const fact of ['email', 'name', 'tenant', 'client'] as const)
    test(`leaves ${fact} out when the token does not say it`, () => {
      const { [fact]: known, ...others } = principalOf(facts, 1000, vouching)
      const principal = principalOf({ ...facts, [fact]: undefined }, 1000, vouching)
      assert.ok(!(fact in principal))
      assert.deepEqual(principal, others)
      assert.equal(known, facts[fact])
    })

  test('cannot be changed by anybody', () => assert.ok(Object.isFrozen(principalOf(facts, 1000, vouching))))
})
