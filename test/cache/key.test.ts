/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'

import { cacheKey } from '#cache/key.ts'

suite('cacheKey', () => {
  test('tells apart fields that read the same side by side', () => {
    assert.notEqual(cacheKey('a', 'bc'), cacheKey('ab', 'c'))
    assert.notEqual(cacheKey('1:a', 'b'), cacheKey('1', 'a1:b'))
    assert.notEqual(cacheKey('a'), cacheKey('a', ''))
  })

  test('differs for different fields, whatever they hold', () => {
    const fields = fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 })
    fc.assert(
      fc.property(fields, fields, (one, other) => {
        const same = one.length === other.length && one.every((field, index) => field === other[index])
        assert.equal(cacheKey(...one) === cacheKey(...other), same)
      }),
    )
  })

  test('has one size however long the fields are', () => {
    assert.equal(cacheKey('x'.repeat(100_000)).length, 43)
  })
})
