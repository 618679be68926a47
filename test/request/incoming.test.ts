import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { header, headerValues } from '#request/incoming.ts'

import { incoming } from '../support/incoming.ts'

const request = incoming({ headers: ['Accept', 'a', 'X-A', '1', 'ACCEPT', 'b', 'X-Empty', ''] })

suite('headers of a request', () => {
  test('header gives the first value', () => {
    assert.equal(header(request, 'accept'), 'a')
    assert.equal(header(request, 'x-empty'), '')
    assert.equal(header(request, 'cookie'), undefined)
  })

  test('headerValues gives every value, in order', () => {
    assert.deepEqual(headerValues(request, 'accept'), ['a', 'b'])
    assert.deepEqual(headerValues(request, 'cookie'), [])
  })
})
