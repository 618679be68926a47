import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { Chunks } from '#upstream/chunks.ts'

/** Takes a coding in pieces of so many bytes: its body and trailers, what was left over, or what is wrong. */
function decode(coding: string, piece = Infinity) {
  const parts: string[] = []
  const chunks = new Chunks((part) => parts.push(Buffer.from(part).toString('latin1')))
  const bytes = Buffer.from(coding, 'latin1')
  for (let at = 0; at < bytes.length;) {
    const taken = chunks.take(bytes.subarray(at, Math.min(at + piece, bytes.length)))
    if (typeof taken === 'string') return taken
    at += taken
    if (chunks.trailers !== undefined)
      return { body: parts.join(''), trailers: chunks.trailers, left: bytes.length - at }
  }
  return 'more'
}

suite('the chunked coding', () => {
  const good: readonly (readonly [string, string, string[]])[] = [
    ['0\r\n\r\n', '', []],
    ['3\r\nabc\r\n0\r\n\r\n', 'abc', []],
    ['3\r\na\r\n\r\n00A\r\n0123456789\r\n000\r\n\r\n', 'a\r\n0123456789', []],
    ['1;a;b=c;d="e;\\"f\x80"\r\nx\r\n0;last\r\n\r\n', 'x', []],
    ['1\r\nx\r\n0\r\nX-Sum: 1\r\nx-sum:2\r\n\r\n', 'x', ['x-sum', '1', 'x-sum', '2']],
  ]
  for (const [coding, body, trailers] of good)
    test(`gives ${JSON.stringify(body)} from ${JSON.stringify(coding)}, in pieces of any size`, () => {
      for (let piece = 1; piece <= coding.length; piece += 1)
        assert.deepEqual(decode(coding, piece), { body, trailers, left: 0 }, `${piece} bytes`)
      assert.deepEqual(decode(`${coding}HTTP/1.1`), { body, trailers, left: 8 }, 'with more behind it')
      for (let end = 0; end < coding.length; end += 1)
        assert.equal(decode(coding.slice(0, end)), 'more', `${end} bytes`)
    })

  for (const coding of [
    '\r\n',
    ' 1\r\nx\r\n',
    '1 \r\nx\r\n',
    '1\t\r\nx\r\n',
    '+1\r\nx\r\n',
    '-1\r\nx\r\n',
    '0x1\r\nx\r\n',
    'g\r\n',
    '1_0\r\n',
    '1\nx\r\n',
    '1\r\nx\n',
    '1\r\nxy\r\n',
    '1\r\nx\r\r\n',
    '1\rx',
    '1\r\r\nx\r\n',
    '20000000000000\r\n',
    '00000000000000001\r\nx\r\n',
    '1;\r\nx\r\n',
    '1 ;a\r\nx\r\n',
    '1; a\r\nx\r\n',
    '1;a=\r\nx\r\n',
    '1;a="b\r\nx\r\n',
    '1;a=b c\r\nx\r\n',
    '1;a\x01\r\nx\r\n',
    '1;a="\x7f"\r\nx\r\n',
    '0\r\n folded: x\r\n\r\n',
    '0\r\nno colon\r\n\r\n',
    '0\r\na : x\r\n\r\n',
    '0\r\na: \x01\r\n\r\n',
    '0\r\na: x\n\r\n',
    '0\r\nContent-Length: 1\r\n\r\n',
    '0\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    `1;${'a'.repeat(4096)}\r\nx\r\n`,
    '0'.repeat(5000),
    `0\r\nx: ${'a'.repeat(64 * 1024)}\r\n\r\n`,
    `0\r\n${'a: b\r\n'.repeat(2001)}\r\n`,
  ])
    test(`is refused in ${JSON.stringify(coding.slice(0, 40))}, in pieces of any size`, () => {
      const most = Math.min(coding.length, 40)
      for (const piece of [Infinity, 4096, ...Array.from({ length: most }, (_, index) => index + 1)]) {
        const refused = decode(coding.includes('1\rx') ? `${coding}${'x'.repeat(5000)}` : coding, piece)
        assert.ok(typeof refused === 'string' && refused !== 'more', `${piece} bytes: ${JSON.stringify(refused)}`)
      }
    })
})
