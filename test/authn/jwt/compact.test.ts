import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'

import { decodeSegment, splitCompact } from '#authn/jwt/compact.ts'

const alphabet = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')

suite('decodeSegment', () => {
  test('decodes what was encoded', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.deepEqual(decodeSegment(Buffer.from(bytes).toString('base64url')), Buffer.from(bytes))
      }),
    )
  })

  test('accepts one spelling of every byte sequence', () => {
    for (const length of [1, 2, 3]) {
      const canonical = Buffer.alloc(length, 0xff).toString('base64url')
      const accepted = alphabet.filter((last) => decodeSegment(canonical.slice(0, -1) + last) !== undefined)
      assert.equal(accepted.length, [0, 4, 16, 64][length], `${length} bytes`)
    }
  })

  for (const text of ['YQ==', 'YQ=', 'YQ\n', ' YQ', 'Y Q', 'YR', 'Y', '+/8A', 'YQ?', 'YQé'])
    test(`refuses ${JSON.stringify(text)}`, () => assert.equal(decodeSegment(text), undefined))
})

suite('splitCompact', () => {
  test('finds the three segments and what is signed', () => {
    assert.deepEqual(splitCompact('a.b.c'), { header: 'a', payload: 'b', signature: 'c', signed: 'a.b' })
    assert.deepEqual(splitCompact('a..'), { header: 'a', payload: '', signature: '', signed: 'a.' })
  })

  for (const text of ['', 'a', 'a.b', '.b.c', 'a.b.c.d', 'a.b.c.d.e', '.'.repeat(8000)])
    test(`refuses ${JSON.stringify(text.slice(0, 12))}`, () => assert.equal(splitCompact(text), undefined))
})
