import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { closest, distance } from '#config/closest.ts'

const word = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', 'c') })

suite('closest', () => {
  test('finds a word with a letter too few, too many, wrong, or two swapped', () => {
    for (const typo of ['upsteam', 'upstreamm', 'upstrean', 'upstraem', 'UPSTREAM'])
      assert.equal(closest(typo, ['path', 'upstream', 'public']), 'upstream', typo)
  })

  test('finds nothing when nothing is near', () => {
    assert.equal(closest('flags', ['path', 'upstream']), undefined)
    assert.equal(closest('x', ['path']), undefined)
    assert.equal(closest('upstream', []), undefined)
  })

  test('does not compare words too long to be a slip of the pen', () => {
    assert.equal(closest('a'.repeat(65), ['a'.repeat(65)]), undefined)
  })

  test('prefers the nearer of two', () => {
    assert.equal(closest('any_rol', ['any_permission', 'any_role', 'any_roles']), 'any_role')
  })
})

suite('distance', () => {
  test('is zero for equal words and the same in both directions', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        assert.equal(distance(a, a), 0)
        assert.equal(distance(a, b), distance(b, a))
        assert.ok(distance(a, b) <= Math.max(a.length, b.length))
        assert.ok(a === b || distance(a, b) > 0)
      }),
    )
  })

  test('counts a swap of neighbours once', () => {
    assert.equal(distance('ab', 'ba'), 1)
    assert.equal(distance('GTE', 'GET'), 1)
  })
})
