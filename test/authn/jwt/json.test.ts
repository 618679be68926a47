import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'

import { parseObject } from '#authn/jwt/json.ts'

const bytes = (...values: number[]) => Buffer.from(values)

suite('parseObject', () => {
  test('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 5 })), (value) => {
        const text = JSON.stringify(value, undefined, 1)
        assert.deepEqual(parseObject(text), JSON.parse(text))
        assert.deepEqual(parseObject(Buffer.from(text)), JSON.parse(text))
      }),
    )
  })

  test('refuses a duplicated member wherever it is put', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), fc.jsonValue(), (name, depth, value) => {
        const member = `${JSON.stringify(name)} : ${JSON.stringify(value)}`
        const text = '{"a":['.repeat(depth % 10) + `{${member},"other":1,${member}}` + ']}'.repeat(depth % 10)
        assert.equal(parseObject(text), undefined)
      }),
    )
  })

  for (const [what, text] of [
    ['a duplicated member', '{"sub":"alice","sub":"bob"}'],
    ['one spelled with an escape', String.raw`{"sub":"alice","\u0073ub":"bob"}`],
    ['one in an inner object', '{"a":[{"b":1,"c":2,"b":3}]}'],
    ['a list', '["sub"]'],
    ['a text', '"sub"'],
    ['null', 'null'],
    ['nothing', ''],
    ['text after the end', '{"a":1}x'],
    ['two objects', '{"a":1}{"b":2}'],
    ['a comment', '{/**/"a":1}'],
    ['an unfinished text', '{"a'],
    ['an unfinished escape', '{"a\\'],
    ['a lone surrogate in a name', String.raw`{"\udfff":1}`],
    ['a lone surrogate in a list', String.raw`{"a":[{"b":"x\udc00"}]}`],
    ['a lone surrogate as it is', '{"a":"\ud800"}'],
    ['a duplicated member of an object in a list of lists', '{"a":[[{"b":1,"b":1}]]}'],
    ['a duplicated __proto__', '{"__proto__":1,"__proto__":1}'],
    ['a broken escape', String.raw`{"\x":1}`],
    ['a lone surrogate', String.raw`{"a":"\ud800"}`],
    ['brackets that do not match', '{"a":]}'],
  ] as const) {
    test(`refuses ${what}`, () => assert.equal(parseObject(text), undefined))
  }

  test('refuses bytes that are not UTF-8, and a byte order mark', () => {
    assert.equal(parseObject(bytes(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), undefined)
    assert.equal(parseObject(bytes(0xef, 0xbb, 0xbf, 0x7b, 0x7d)), undefined)
  })

  test('takes no colon, bracket or quote in a string for structure', () => {
    for (const value of [
      { 'a:{[': ':"{[]}:"' },
      { a: ['\\', '\\"', '":', ''] },
      { '': { ':': ':' } },
      { a: '\u00e9\u{1f600}:' },
    ])
      assert.deepEqual(parseObject(JSON.stringify(value)), value)
    const escaped = String.raw`{"\u003a":"\ud83d\ude00:\u0022","\\":":"}`
    assert.deepEqual(parseObject(escaped), JSON.parse(escaped))
  })

  test('lets one name stand in several objects, and as a value', () => {
    assert.deepEqual(parseObject('{"a":{"a":["a","a"]},"b":"a"}'), { a: { a: ['a', 'a'] }, b: 'a' })
    assert.deepEqual(parseObject(String.raw`{"a":"\"b\":1","b":"\\"}`), { a: '"b":1', b: '\\' })
  })

  test('keeps __proto__ a member like any other', () => {
    const value = parseObject('{"__proto__":{"admin":true}}')
    assert.ok(value && Object.hasOwn(value, '__proto__') && !('admin' in value))
  })

  test('refuses nesting deeper than 32, at once', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
    assert.ok(parseObject(nested(31)))
    assert.equal(parseObject(nested(32)), undefined)
    const before = performance.now()
    assert.equal(parseObject(nested(100_000)), undefined)
    assert.ok(performance.now() - before < 50)
  })
})
