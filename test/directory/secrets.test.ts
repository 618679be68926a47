/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'

import { apiKeyId, digest, isSessionValue, newApiKey, newSession } from '#directory/secrets.ts'

const random = (size: number) => Buffer.alloc(size, 0xff)

suite('secrets', () => {
  test('makes session values of 256 bits that it recognises', () => {
    assert.equal(newSession(random).value, `hs_${'_'.repeat(42)}8`)
    const { value, digest: stored } = newSession()
    assert.equal(isSessionValue(value), true)
    assert.equal(stored, digest(value))
  })

  test('makes API keys that name their id', () => {
    const { id, value, digest: stored } = newApiKey()
    assert.match(id, /^[a-z0-9]{12}$/)
    assert.equal(apiKeyId(value), id)
    assert.equal(stored, digest(value))
  })

  test('makes a different secret every time', () => {
    const made = new Set(
      Array.from({ length: 1000 }, () => [newSession(), newApiKey()])
        .flat()
        .flatMap(({ id, value }) => [id, value]),
    )
    assert.equal(made.size, 4000)
  })

  test('refuses session values of any other form', () => {
    const { value } = newSession()
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
    const { id, value: key } = newApiKey()
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
