import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { andThen, deny, pass, passed, skip } from '#request/verdict.ts'

suite('verdicts', () => {
  test('are plain values', () => {
    assert.deepEqual(pass(7), { kind: 'pass', value: 7 })
    assert.deepEqual(passed, { kind: 'pass', value: undefined })
    assert.deepEqual(skip, { kind: 'skip' })
    assert.deepEqual(deny('route_unknown', 'x'), { kind: 'deny', code: 'route_unknown', note: 'x' })
    assert.deepEqual(deny('method_not_allowed', 'x', { Allow: 'GET' }).headers, { Allow: 'GET' })
  })
})

suite('andThen', () => {
  test('goes on at once when the answer is there', () => {
    assert.equal(
      andThen(1, (value) => value + 1),
      2,
    )
  })

  test('goes on after a promise', async () => {
    const later = andThen(Promise.resolve(1), (value) => value + 1)
    assert.ok(later instanceof Promise)
    assert.equal(await later, 2)
  })

  test('hands on the failure of a promise', async () => {
    const failing: Promise<number> = Promise.reject(new TypeError('defect'))
    await assert.rejects(async () => andThen(failing, (value) => value), TypeError)
  })
})
