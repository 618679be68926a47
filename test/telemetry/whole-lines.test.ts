import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { wholeLines } from '#telemetry/whole-lines.ts'

const line = (path: string) => `${JSON.stringify({ level: 'info', path, msg: 'request' })}\n`

suite('wholeLines', () => {
  test('cuts at ends of lines alone, and loses none', () => {
    const lines = fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }).map(line), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(lines, (written) => {
        const pieces = wholeLines(written.join(''), 1024)
        assert.equal(pieces.join(''), written.join(''))
        for (const piece of pieces) {
          assert.ok(piece.endsWith('\n'))
          assert.ok(Buffer.byteLength(piece) <= 1024)
        }
      }),
    )
  })

  test('shortens a line that is longer than a write, and says so', () => {
    const text = line('short') + line('/é'.repeat(9000)) + line('last')
    const pieces = wholeLines(text)
    for (const piece of pieces) assert.ok(Buffer.byteLength(piece) <= 4096)
    const [first, long, last] = pieces
      .join('')
      .trimEnd()
      .split('\n')
      .map((one) => JSON.parse(one) as Record<string, unknown>)
    assert.deepEqual([first?.['path'], last?.['path']], ['short', 'last'])
    assert.equal(long?.['cut'], true)
    assert.match(String(long?.['path']), /^(\/é)+\/?…$/)
  })

  test('replaces a line that cannot be shortened', () => {
    const many = `${JSON.stringify(Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`field${index}`, 'x'])))}\n`
    assert.deepEqual(wholeLines(many), ['{"level":"error","msg":"line too long"}\n'])
  })
})
