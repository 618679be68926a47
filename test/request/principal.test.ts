import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { noGrants, sortedSet } from '#request/principal.ts'

suite('grants', () => {
  test('sortedSet sorts and removes duplicates', () => {
    assert.deepEqual(sortedSet(['b', 'a', 'b', 'B']), ['B', 'a', 'b'])
    assert.deepEqual(sortedSet([]), [])
  })

  test('noGrants grants nothing and cannot be changed', () => {
    assert.deepEqual(noGrants, { roles: [], permissions: [] })
    assert.throws(() => Object.assign(noGrants, { roles: ['admin'] }), TypeError)
    assert.throws(() => Object.assign(noGrants.permissions, ['*']), TypeError)
  })
})
