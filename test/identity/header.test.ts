import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { facts, factOf } from '#identity/header.ts'

import { principal } from '../support/incoming.ts'

suite('facts of an identity', () => {
  test('a fact wins over a claim of the same name', () => {
    const liar = principal({ subject: 'alice', claims: { subject: 'mallory', issuer: 'https://evil.test' } })
    assert.equal(factOf(liar, 'subject'), 'alice')
    assert.equal(factOf(liar, 'issuer'), 'https://id.test')
  })

  test('a fact that is missing is not looked up in the claims', () => {
    const liar = principal({ claims: Object.fromEntries(facts.map((fact) => [fact, 'admin'])) })
    for (const fact of ['email', 'name', 'tenant', 'client', 'session'] as const)
      assert.equal(factOf(liar, fact), undefined)
  })

  test('any other source is a path into the claims', () => {
    const one = principal({ claims: { realm_access: { org: 'acme' } } })
    assert.equal(factOf(one, 'realm_access.org'), 'acme')
    assert.equal(factOf(one, 'realm_access.team'), undefined)
  })

  test('numbers and booleans are told as texts', () => {
    const one = principal({ claims: { level: 3, staff: false, ids: [1, true, 'x'] } })
    assert.equal(factOf(one, 'level'), '3')
    assert.equal(factOf(one, 'staff'), 'false')
    assert.deepEqual(factOf(one, 'ids'), ['1', 'true', 'x'])
  })

  test('an object, null, or a list that holds one is no value', () => {
    const one = principal({ claims: { object: {}, nothing: null, list: ['admin', { not: 'this' }] } })
    for (const source of ['object', 'nothing', 'list', 'constructor', '__proto__', 'toString.name'])
      assert.equal(factOf(one, source), undefined)
  })
})
