import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { internedList } from '#cache/interned-list.ts'

suite('internedList', () => {
  test('is one frozen object for equal texts, in whatever order and however often they come', () => {
    const list = internedList(['write', 'read', 'write'])
    assert.deepEqual(list, ['read', 'write'])
    assert.ok(Object.isFrozen(list))
    assert.equal(internedList(['read', 'write']), list)
  })

  test('is the same also where one of the ways to write it is too long to be remembered', () => {
    const often = Array.from({ length: 500 }, () => 'one')
    assert.equal(internedList(often), internedList(['one']))
  })

  test('takes no list for another that only looks alike when joined', () => {
    assert.notEqual(internedList(['a,b']), internedList(['a', 'b']))
    assert.deepEqual(internedList(['a","b']), ['a","b'])
    assert.deepEqual(internedList([]), [])
  })

  test('remembers no long list', () => {
    const groups = Array.from({ length: 500 }, (_, index) => `group-${index}`)
    assert.deepEqual(internedList(groups), groups.toSorted())
    assert.notEqual(internedList(groups), internedList(groups))
  })
})
