import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { bearerToken } from '#authn/bearer.ts'

import { incoming } from '../support/incoming.ts'

const of = (value: string) => bearerToken(incoming({ headers: ['Authorization', value] }))

suite('bearerToken', () => {
  test('is what comes after the scheme, whose case does not count', () => {
    assert.equal(of('Bearer abc'), 'abc')
    assert.equal(of('bEaReR   a b'), 'a b')
  })

  test('is nothing for other schemes and without the header', () => {
    for (const value of ['', 'Bearer', 'Bearerabc', 'Basic abc', 'Token abc', 'xBearer abc'])
      assert.equal(of(value), undefined)
    assert.equal(bearerToken(incoming()), undefined)
  })
})
