import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { failureCode, isStale } from '#proxy/failure.ts'

suite('failures', () => {
  const coded = (code: string) => Object.assign(new Error(code), { code })

  test('before the request is sent are about reaching the upstream, after it about the upstream', () => {
    assert.equal(failureCode(coded('ECONNREFUSED'), false), 'upstream_unreachable')
    assert.equal(failureCode(coded('ECONNRESET'), false), 'upstream_unreachable')
    assert.equal(failureCode(coded('ECONNRESET'), true), 'upstream_failed')
    assert.equal(failureCode(new Error('?'), true), 'upstream_failed')
  })

  test('of a kept connection before the request was on it say nothing about the upstream', () => {
    assert.equal(isStale(coded('ECONNRESET'), false), true)
    assert.equal(isStale(coded('ECONNRESET'), true), false)
    assert.equal(isStale(coded('ECONNREFUSED'), false), false)
    assert.equal(isStale(new Error('?'), false), false)
  })

  test('of our own making are named as such', () => {
    assert.equal(failureCode(coded('UND_ERR_INVALID_ARG'), false), 'internal_error')
    assert.equal(failureCode(coded('UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'), true), 'request_malformed')
    assert.equal(failureCode(coded('ETIMEDOUT'), false), 'upstream_timeout')
  })
})
