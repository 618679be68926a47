/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { cookieValues } from '#authn/cookies.ts'

import { incoming } from '../support/incoming.ts'

const values = (...headers: string[]) =>
  cookieValues(incoming({ headers: headers.flatMap((text) => ['Cookie', text]) }), 'sid')

suite('cookieValues', () => {
  test('finds a cookie among others, by its exact name', () => {
    assert.deepEqual(values('a=1; sid=x; b=2'), ['x'])
    assert.deepEqual(values('SID=x; xsid=y; sid2=z; sid'), [])
    assert.deepEqual(values(), [])
  })

  test('finds every one, over several headers', () => {
    assert.deepEqual(values('sid=a; sid=b', 'sid=c'), ['a', 'b', 'c'])
  })

  test('leaves the value as it was sent', () => {
    assert.deepEqual(values('sid="a=b"; sid=%41; sid='), ['"a=b"', '%41', ''])
  })

  test('takes no white space into name or value', () => {
    assert.deepEqual(values('a=1;sid = x ;b=2'), ['x'])
  })
})
