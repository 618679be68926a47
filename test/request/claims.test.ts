import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { claimsOn, readClaim } from '#request/claims.ts'

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

suite('claimsOn', () => {
  test('keeps what its paths read, and nothing else', () => {
    assert.deepEqual(claimsOn(['zero', 'a.b.c', 'resource.my.client.roles'])(claims), {
      'a.b': { c: 'longest key' },
      a: { b: { c: 'nested' }, x: 'short' },
      resource: { 'my.client': { roles: ['client'] } },
      zero: 0,
    })
    assert.deepEqual(claimsOn([])(claims), {})
    assert.deepEqual(claimsOn(['absent', 'role', 'constructor'])(claims), {})
  })

  test('changes the answer to none of its paths', () => {
    const word = fc.constantFrom('a', 'b', 'a.b', 'b.a', 'a.b.c', '__proto__', 'c')
    const value = fc.letrec((tie) => ({
      any: fc.oneof({ maxDepth: 3 }, fc.nat(9), fc.dictionary(word, tie('any'), { maxKeys: 3 })),
    })).any
    const path = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join('.'))
    fc.assert(
      fc.property(fc.dictionary(word, value), fc.array(path, { maxLength: 4 }), (all, paths) => {
        const kept = claimsOn(paths)(all)
        for (const one of paths) assert.deepEqual(readClaim(kept, one), readClaim(all, one), one)
      }),
    )
  })
})
