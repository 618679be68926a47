import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { jwtOptions } from '#authn/jwt/options.ts'
import { factsOf, type Facts } from '#authn/jwt/facts.ts'
import type { ClaimSet } from '#request/claims.ts'

import { claims } from '../../support/tokens.ts'

const written = { issuer: 'https://id.test', audience: 'api' }
const paths = (own: Record<string, string> = {}) => jwtOptions.parse({ ...written, claims: own }).claims
const keep = (all: ClaimSet) => all
const rules = { paths: paths(), keep }

function made(part: Record<string, unknown>, own: Record<string, string> = {}): Facts {
  const verdict = factsOf(claims(part), { paths: paths(own), keep })
  assert.equal(verdict.kind, 'pass')
  return verdict.value
}

suite('factsOf', () => {
  test('takes every fact from its claim', () => {
    const part = {
      roles: ['user', 'admin', 'user'],
      permissions: ['orders:read'],
      groups: ['eu'],
      scope: 'openid  orders:read',
      scp: ['write'],
      tenant: 't1',
      email: 'alice@acme.test',
      name: 'Alice',
      client_id: 'web',
    }
    assert.deepEqual(made(part), {
      subject: 'alice',
      roles: ['admin', 'user'],
      permissions: ['orders:read'],
      groups: ['eu'],
      scopes: ['openid', 'orders:read', 'write'],
      email: 'alice@acme.test',
      name: 'Alice',
      tenant: 't1',
      client: 'web',
      claims: claims(part),
    })
  })

  test('leaves out what the token does not say', () => {
    const { roles, scopes, email, name, tenant, client } = made({})
    assert.deepEqual([roles, scopes], [[], []])
    assert.deepEqual([email, name, tenant, client], [undefined, undefined, undefined, undefined])
  })

  test('takes scopes for permissions only where they are mapped, word by word', () => {
    const part = { scope: 'orders:write orders:read', roles: 'Team Lead' }
    assert.deepEqual(made(part).permissions, [])
    assert.deepEqual(made(part, { permissions: 'scope' }).permissions, ['orders:read', 'orders:write'])
    assert.deepEqual(made(part).roles, ['Team Lead'])
  })

  test('reads claims by path', () => {
    const part = { realm_access: { roles: ['admin'] }, 'https://acme.test/groups': ['eu'], uid: '7' }
    const facts = made(part, {
      subject: 'uid',
      roles: 'realm_access.roles',
      groups: 'https://acme.test/groups',
    })
    assert.deepEqual([facts.subject, facts.roles, facts.groups], ['7', ['admin'], ['eu']])
  })

  test('takes a single text for a list, a list of scp and the text of scp', () => {
    assert.deepEqual(made({ roles: 'admin' }).roles, ['admin'])
    assert.deepEqual(made({ scp: 'a b' }).scopes, ['a', 'b'])
  })

  test('gives nothing for claims of the wrong shape', () => {
    const facts = made({
      roles: { admin: true },
      permissions: [1, null, ['x'], 'ok', ''],
      email: ['a@b'],
      name: 7,
      scope: 1,
    })
    assert.deepEqual([facts.roles, facts.permissions, facts.scopes], [[], ['ok'], []])
    assert.deepEqual([facts.email, facts.name], [undefined, undefined])
  })

  test('reads own members only', () => {
    assert.deepEqual(made({}, { roles: 'constructor.name', tenant: '__proto__.x' }).roles, [])
  })

  test('falls back to azp for the client', () => {
    assert.equal(made({ azp: 'spa' }).client, 'spa')
    assert.equal(made({ azp: 'spa', client_id: 'web' }).client, 'web')
  })

  test('leaves out a mail address that the issuer calls unverified', () => {
    assert.equal(made({ email: 'eve@acme.test', email_verified: false }).email, undefined)
    assert.equal(made({ email: 'eve@acme.test', email_verified: 'false' }).email, undefined)
    assert.equal(made({ email: 'alice@acme.test', email_verified: true }).email, 'alice@acme.test')
  })

  test('leaves out a mail address whose domain is a matter of opinion', () => {
    assert.equal(made({ email: 'evil@x.test@corp.test' }).email, undefined)
  })

  for (const sub of [undefined, '', null, 7, ['alice'], { a: 1 }, 'x'.repeat(513)])
    test(`refuses the subject ${JSON.stringify(sub)?.slice(0, 20)}`, () => {
      const verdict = factsOf(claims({ sub }), rules)
      assert.equal(verdict.kind === 'deny' && verdict.code, 'invalid_token')
    })

  test('gives lists and claims that nobody can change', () => {
    const { roles, scopes, claims: kept } = made({ roles: ['user'], address: { country: 'NO', lines: ['1'] } })
    const address = kept['address'] as { lines: string[] }
    for (const part of [roles, scopes, kept, address, address.lines]) assert.ok(Object.isFrozen(part))
  })
})
