/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { recordLookup } from '#authn/record-lookup.ts'

import { evidence } from '../support/authn.ts'

suite('recordLookup', () => {
  test('keeps the farthest layer and the oldest answer of several', () => {
    const noted = evidence()
    recordLookup(noted, { kind: 'found', value: {}, layer: 'l2', age: 10, stale: false })
    recordLookup(noted, { kind: 'found', value: {}, layer: 'l1', age: 300, stale: false })
    recordLookup(noted, { kind: 'absent', layer: 'l1', age: 5 })
    assert.deepEqual([noted.cache, noted.cache_age, noted.stale], ['l2', 300, false])
  })

  test('notes that an answer was stale, also when a later one is not', () => {
    const noted = evidence()
    recordLookup(noted, { kind: 'found', value: {}, layer: 'l1', age: 9000, stale: true })
    recordLookup(noted, { kind: 'found', value: {}, layer: 'source', age: 1, stale: false })
    assert.deepEqual([noted.cache, noted.cache_age, noted.stale], ['source', 9000, true])
  })

  test('notes nothing when nobody could tell', () => {
    const noted = evidence()
    recordLookup(noted, { kind: 'unavailable' })
    assert.equal(noted.cache, undefined)
  })
})
