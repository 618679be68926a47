import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { encode } from '#identity/encode.ts'

/** What a service does: trims, splits at commas, decodes. */
function decodeList(value: string): string[] {
  return value.split(',').map((member) => decodeURIComponent(member.trim()))
}

const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }) // any code point, lone surrogates left out

suite('values of identity headers', () => {
  test('plain ASCII stays as it is, inner spaces and commas too', () => {
    for (const text of ['alice', 'Doe, Jane', 'a=b;c="d"', 'https://id.test/x?y', '!']) assert.equal(encode(text), text)
  })

  test('there is no header for nothing', () => {
    for (const nothing of [undefined, '', [], [''], ['', '']]) assert.equal(encode(nothing), undefined)
  })

  test('other characters become percent-encoded UTF-8', () => {
    assert.equal(encode('Jürgen 😀'), 'J%C3%BCrgen %F0%9F%98%80')
    assert.equal(encode('100%'), '100%25')
    assert.equal(encode('\u0085admin\u00A0'), '%C2%85admin%C2%A0')
    assert.equal(encode('\u007f\u0000\t'), '%7F%00%09')
  })

  test('H13: a line break in a claim does not begin a header', () => {
    assert.equal(encode('a\r\nX-Admin: 1'), 'a%0D%0AX-Admin: 1')
    assert.equal(encode(['a\nb\u2028c']), 'a%0Ab%E2%80%A8c')
  })

  test('spaces at the ends are kept from being trimmed', () => {
    assert.equal(encode(' admin'), '%20admin')
    assert.equal(encode('admin  '), 'admin%20%20')
    assert.equal(encode(' '), '%20')
    assert.equal(encode([' admin', 'a b']), '%20admin,a b')
  })

  test('a claim of spaces takes no longer than one of letters', () => {
    const spaces = `a${' '.repeat(200_000)}é`
    const started = performance.now()
    encode(spaces)
    encode([spaces])
    assert.ok(performance.now() - started < 1000)
  })

  test('lists are sorted, free of duplicates, and their commas escaped', () => {
    assert.equal(encode(['b', 'a', 'b', '', 'x,y', '5%']), '5%25,a,b,x%2Cy')
  })

  test('lone surrogates do not make two subjects one', () => {
    assert.equal(encode('\ud800'), '%ED%A0%80')
    assert.equal(encode('\udfff'), '%ED%BF%BF')
    assert.equal(encode('\ufffd'), '%EF%BF%BD')
  })

  test('every text is visible ASCII on the wire and comes back as it was', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const value = encode(text) ?? ''
        assert.match(value, /^[\x20-\x7e]+$/)
        assert.equal(decodeURIComponent(value.trim()), text)
      }),
    )
  })

  test('every list comes back as the set it was', () => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 1, maxLength: 6 }), (members) => {
        const value = encode(members) ?? ''
        assert.match(value, /^[\x20-\x7e]+$/)
        assert.deepEqual(decodeList(value), [...new Set(members)].sort())
      }),
    )
  })

  test('two different texts, well-formed or not, never become one', () => {
    const text = fc.array(fc.constantFrom('a', '%', ' ', '\ud83d', '\ude00', '\ufffd', 'ED'), { maxLength: 5 })
    fc.assert(
      fc.property(text, text, (one, other) => {
        fc.pre(one.join('') !== other.join(''))
        assert.notEqual(encode(one.join('')), encode(other.join('')))
      }),
    )
  })
})
