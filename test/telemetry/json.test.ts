import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { escapeInvisible, jsonText } from '#telemetry/json.ts'

suite('jsonText', () => {
  test('says the same as JSON.stringify about plain text', () => {
    for (const text of ['', 'orders-read', '/api/orders/17', 'a "quoted" \\ word']) {
      assert.equal(jsonText(text), JSON.stringify(text))
    }
  })

  test('can be read back as exactly the text that went in, whatever it was', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => JSON.parse(jsonText(text, Infinity)) === text))
  })

  test('stays on one line and holds nothing a terminal acts on', () => {
    const upTo = (last: number) => fc.integer({ min: 0, max: last }).map((code) => String.fromCharCode(code))
    const acting = [0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e]
    const harmless = (code: number) => (code >= 0x20 && code < 0x7f) || (code > 0x9f && !acting.includes(code))
    fc.assert(
      fc.property(fc.string({ unit: upTo(0x2030) }), (text) =>
        Array.from(jsonText(text)).every((character) => harmless(character.charCodeAt(0))),
      ),
    )
  })

  test('cuts long text and shows that it did', () => {
    assert.equal(jsonText('x'.repeat(300)), `"${'x'.repeat(256)}…"`)
    assert.equal(jsonText('x'.repeat(256)), `"${'x'.repeat(256)}"`)
  })

  test('leaves valid JSON when the cut goes through a surrogate pair', () => {
    assert.equal(JSON.parse(jsonText('ab😀', 3)), 'ab\ud83d…')
  })
})

suite('escapeInvisible', () => {
  test('changes the spelling of a JSON text, not its meaning', () => {
    const line = '{"a":"\u009b31m\u2028\u202e\u007f\ufeff","b":"é😀"}'
    assert.deepEqual(JSON.parse(escapeInvisible(line)), JSON.parse(line))
    assert.equal(escapeInvisible('"\u009b\u2028"'), '"\\u009b\\u2028"')
  })
})
