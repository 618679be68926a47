import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { readClaim } from '#request/claims.ts'

const claims = {
  roles: ['user'],
  realm_access: { roles: ['admin'] },
  'https://acme.test/roles': ['named'],
  'https://acme.test/claims': { tenant: 'north' },
  'a.b': { c: 'longest key' },
  a: { b: { c: 'nested' }, x: 'short' },
  resource: { 'my.client': { roles: ['client'] } },
  nothing: null,
  zero: 0,
}

suite('readClaim', () => {
  const rows: readonly (readonly [path: string, value: unknown])[] = [
    ['roles', ['user']],
    ['realm_access.roles', ['admin']],
    ['https://acme.test/roles', ['named']],
    ['https://acme.test/claims.tenant', 'north'],
    ['resource.my.client.roles', ['client']],
    ['zero', 0],
    ['nothing', null],
    ['nothing.x', undefined],
    ['zero.x', undefined],
    ['roles.0', undefined],
    ['roles.length', undefined],
    ['missing', undefined],
    ['realm_access.missing', undefined],
    ['', undefined],
    ['.', undefined],
    ['.roles', undefined],
    ['roles.', undefined],
  ]
  for (const [path, value] of rows)
    test(`reads ${path || 'an empty path'} as ${JSON.stringify(value)}`, () => {
      assert.deepEqual(readClaim(claims, path), value)
    })

  test('prefers the longest key that is there and does not turn back from it', () => {
    assert.equal(readClaim(claims, 'a.b.c'), 'longest key')
    assert.equal(readClaim(claims, 'a.b.x'), undefined)
    assert.equal(readClaim(claims, 'a.x'), 'short')
    assert.equal(readClaim({ 'a.b': { c: 1 }, 'a.b.c': 2 }, 'a.b.c'), 2)
  })

  test('finds nothing that every object inherits', () => {
    for (const path of [
      'constructor',
      '__proto__',
      'constructor.name',
      '__proto__.toString',
      'a.constructor',
      'a.b.toString',
    ])
      assert.equal(readClaim(claims, path), undefined, path)
  })
})
