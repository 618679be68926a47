import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { collapse, hopByHop, lowerName, perSpelling, singletons } from '#request/fields.ts'

import { heapAfterCollection } from '../support/collected.ts'

suite('collapse', () => {
  for (const name of [
    'X-Forwarded-User',
    'x_forwarded_user',
    'X.Forwarded~User',
    '-X--Forwarded-_User!',
    'X-FORWARDED-USER',
  ])
    test(`reads ${name} as a CGI service does`, () => {
      assert.equal(collapse(name), 'X_FORWARDED_USER')
    })

  test('tells different words apart', () => {
    assert.notEqual(collapse('X-ForwardedUser'), collapse('X-Forwarded-User'))
    assert.equal(collapse('---'), '')
  })

  test('is a fixed point of letters, digits and single `_`', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{0,24}$/)
    fc.assert(
      fc.property(name, (one) => {
        assert.match(collapse(one), /^(?:[A-Z0-9]+(?:_[A-Z0-9]+)*)?$/)
        assert.equal(collapse(collapse(one)), collapse(one))
        assert.equal(collapse(one.toLowerCase()), collapse(one))
      }),
    )
  })

  test('takes linear time', () => {
    const start = performance.now()
    collapse('_-'.repeat(100_000))
    collapse(`${'-'.repeat(100_000)}x`)
    assert.ok(performance.now() - start < 1000)
  })
})

suite('perSpelling', () => {
  test('asks once for each spelling', () => {
    const asked: string[] = []
    const lengthOf = perSpelling((name) => asked.push(name) && name.length)
    assert.deepEqual([lengthOf('a'), lengthOf('bb'), lengthOf('a')], [1, 2, 1])
    assert.deepEqual(asked, ['a', 'bb'])
  })

  test('remembers false, zero and empty answers too', () => {
    let asked = 0
    const never = perSpelling(() => {
      asked += 1
      return false
    })
    assert.deepEqual([never('a'), never('a')], [false, false])
    assert.equal(asked, 1)
  })

  test('forgets everything when a client has filled it, and remembers anew', () => {
    let asked = 0
    const counting = perSpelling(() => (asked += 1), 3)
    for (const name of ['Accept', 'x-1', 'x-2', 'Accept']) counting(name)
    assert.equal(asked, 3)
    for (const name of ['x-3', 'Accept', 'Accept']) counting(name)
    assert.equal(asked, 5)
  })

  test('holds nothing of the texts that the spellings were cut out of', () => {
    const same = perSpelling((name) => name)
    const before = heapAfterCollection()
    for (let count = 0; count < 500; count += 1) {
      const head = Buffer.from(`x-name-of-one-head-${count}: ${'v'.repeat(60_000)}`).toString('latin1')
      same(head.slice(0, head.indexOf(':')))
    }
    assert.ok(heapAfterCollection() - before < 5_000_000)
  })

  test('does not keep long spellings', () => {
    let asked = 0
    const counting = perSpelling(() => (asked += 1))
    counting('x'.repeat(65))
    counting('x'.repeat(65))
    assert.equal(asked, 2)
  })
})

suite('names', () => {
  test('lowerName folds the case, the first time and later', () => {
    assert.deepEqual([lowerName('X-Request-ID'), lowerName('X-Request-ID')], ['x-request-id', 'x-request-id'])
  })

  test('the lists hold lower-case names', () => {
    for (const name of [...singletons, ...hopByHop]) assert.equal(name, name.toLowerCase())
  })
})
