import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { joinParts } from '#ratelimit/join.ts'

const parts = fc.array(fc.option(fc.string({ maxLength: 60 }), { nil: undefined }), { maxLength: 4 })

suite('joinParts', () => {
  test('makes different keys of different parts', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        assert.equal(joinParts(one) === joinParts(other), JSON.stringify(one) === JSON.stringify(other))
      }),
    )
  })

  test('is not misled by delimiters inside a part, nor by where parts end', () => {
    const lists = [['a', 'bc'], ['ab', 'c'], ['a:bc'], ['1:a2:bc'], ['a', 'bc', ''], ['a', 'bc', undefined], ['-']]
    assert.equal(new Set(lists.map(joinParts)).size, lists.length)
    assert.notEqual(joinParts([undefined]), joinParts(['-']))
  })

  test('stays short, however long the parts are', () => {
    const long = joinParts(['x'.repeat(100_000), 'y'])
    assert.ok(long.length <= 100)
    assert.notEqual(long, joinParts(['x'.repeat(100_000), 'z']))
  })
})
