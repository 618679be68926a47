import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { oncePer } from '#cache/once-per.ts'

suite('oncePer', () => {
  test('makes a thing once for each object, equal ones apart', () => {
    let made = 0
    const of = oncePer((key: { readonly id: number }) => ({ id: key.id, nth: (made += 1) }))
    const [one, twin] = [{ id: 1 }, { id: 1 }]
    assert.equal(of(one), of(one))
    assert.deepEqual(of(twin), { id: 1, nth: 2 })
  })
})
