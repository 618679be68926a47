import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { sharedList } from '#cache/shared-list.ts'

suite('sharedList', () => {
  test('is one frozen object for equal texts, in whatever order and however often they come', () => {
    const list = sharedList(['write', 'read', 'write'])
    assert.deepEqual(list, ['read', 'write'])
    assert.ok(Object.isFrozen(list))
    assert.equal(sharedList(['read', 'write']), list)
  })

  test('takes no list for another that only looks alike when joined', () => {
    assert.notEqual(sharedList(['a,b']), sharedList(['a', 'b']))
    assert.deepEqual(sharedList(['a","b']), ['a","b'])
    assert.deepEqual(sharedList([]), [])
  })

  test('remembers no long list', () => {
    const groups = Array.from({ length: 500 }, (_, index) => `group-${index}`)
    assert.deepEqual(sharedList(groups), groups.toSorted())
    assert.notEqual(sharedList(groups), sharedList(groups))
  })
})
