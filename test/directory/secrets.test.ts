/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'

import { apiKeyId, digest, isSessionValue, newApiKey, newId, newSessionValue } from '#directory/secrets.ts'

const random = (size: number) => Buffer.alloc(size, 0xff)

suite('secrets', () => {
  test('makes session values of 256 bits that it recognises', () => {
    assert.equal(newSessionValue(random), `hs_${'_'.repeat(42)}8`)
    assert.equal(isSessionValue(newSessionValue()), true)
  })

  test('makes API keys that name their id', () => {
    const { id, key } = newApiKey()
    assert.match(id, /^[a-z0-9]{12}$/)
    assert.equal(apiKeyId(key), id)
  })

  test('makes a different secret every time', () => {
    const made = new Set(Array.from({ length: 1000 }, () => [newSessionValue(), newApiKey().key, newId()]).flat())
    assert.equal(made.size, 3000)
  })

  test('refuses session values of any other form', () => {
    const value = newSessionValue()
    const others = [
      '',
      'hs_',
      `${value}x`,
      value.slice(0, -1),
      `${value}\n`,
      ` ${value}`,
      value.toUpperCase(),
      `"${value}"`,
    ]
    assert.deepEqual(others.filter(isSessionValue), [])
  })

  test('refuses API keys of any other form', () => {
    const { id, key } = newApiKey()
    const secret = key.slice(-43)
    const others = ['', key.slice(1), `${key}=`, `${key}\n`, `hd_${id}`, `hd_ABC${id}_${secret}`, `hd_${id}${secret}`]
    assert.deepEqual(
      others.map(apiKeyId),
      others.map(() => undefined),
    )
  })

  test('answers in time for any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 10_000 }), (text) => {
        assert.equal(isSessionValue(text), false)
        assert.equal(apiKeyId(text), undefined)
      }),
    )
  })

  test('digests with SHA-256 in lower-case hex', () => {
    assert.equal(digest('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
