import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { errorText } from '#telemetry/error-text.ts'

suite('errorText', () => {
  test('is the message', () => {
    assert.equal(errorText(new Error('the port is taken')), 'the port is taken')
  })

  test('is never empty: several addresses that all refuse leave a code and no message', () => {
    const refused = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' })
    assert.equal(errorText(refused), 'ECONNREFUSED')
    assert.equal(errorText(new TypeError()), 'TypeError')
  })

  test('takes what is thrown without being an error', () => {
    assert.equal(errorText('out of paper'), 'out of paper')
  })

  test('moves no cursor with what the other side said, and keeps its lines', () => {
    const told = new Error('not the CN: \x1b[2J\x07\u009b1m\u202e\n\tnext')
    assert.equal(errorText(told), 'not the CN: \\u001b[2J\\u0007\\u009b1m\\u202e\n\tnext')
  })
})
