import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { readAnswers } from '#probe/answers.ts'

const read = (text: string, method = 'GET', closed = false) => {
  const { answers, garbled, partial } = readAnswers(Buffer.from(text, 'latin1'), method, closed)
  return { got: answers.map(({ status, body }) => `${status} ${body.toString('latin1')}`), garbled, partial }
}

const OK = 'HTTP/1.1 200 OK\r\n'

suite('answers on the wire', () => {
  for (const [what, text, got] of [
    ['a length', `${OK}Content-Length: 2\r\n\r\nok`, ['200 ok']],
    ['chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n`, ['200 ok!']],
    ['no body by status', 'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n', ['204 ']],
    ['an interim answer', `HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n${OK}Content-Length: 0\r\n\r\n`, ['103 ', '200 ']],
    ['two answers', `${OK}Content-Length: 1\r\n\r\na${OK}Content-Length: 1\r\n\r\nb`, ['200 a', '200 b']],
    ['a switch of protocols, and nothing behind it', 'HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n\x81\x00', ['101 ']],
    ['no reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', ['200 ']],
  ] as const)
    test(`are read with ${what}`, () => assert.deepEqual(read(text), { got, garbled: false, partial: false }))

  test('have no body after HEAD, but for the second one', () => {
    const text = `${OK}Content-Length: 2\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`
    assert.deepEqual(read(text, 'HEAD').got, ['200 ', '200 ok'])
  })

  test('without framing end with the connection', () => {
    assert.deepEqual(read(`${OK}\r\nall`), { got: [], garbled: false, partial: true })
    assert.deepEqual(read(`${OK}\r\nall`, 'GET', true), { got: ['200 all'], garbled: false, partial: false })
  })

  for (const [what, text] of [
    ['nothing like HTTP', 'SSH-2.0-x\r\n\r\n'],
    ['nothing like HTTP yet', 'SSH-'],
    ['a version of its own', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a line that is no field', `${OK}nonsense\r\n\r\n`],
    ['a folded field', `${OK}X: a\r\n b\r\n\r\n`],
    ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`],
    ['a length and chunks', `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a coding of its own', `${OK}Transfer-Encoding: gzip\r\n\r\nx`],
    ['a length that is no number', `${OK}Content-Length: +1\r\n\r\na`],
    ['a chunk that is longer than it says', `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n`],
    ['a size that is none', `${OK}Transfer-Encoding: chunked\r\n\r\nz\r\n`],
    ['a trailer that is none', `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nnonsense\r\n\r\n`],
  ] as const)
    test(`with ${what} are garbled, not guessed`, () => assert.equal(read(text).garbled, true))

  for (const cut of [1, 12, 30, 46, 48, 53, 56])
    test(`cut after ${cut} bytes are partial, and garbled when nothing more will come`, () => {
      const text = `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`.slice(0, cut)
      assert.deepEqual(read(text), { got: [], garbled: false, partial: true })
      assert.equal(read(text, 'GET', true).garbled, true)
    })

  for (const [what, text, garbled] of [
    ['a field of blanks that is none', `${OK}A:${' '.repeat(2000)}\0\r\n\r\n`, true],
    ['interim answers without end', 'HTTP/1.1 100\r\n\r\n'.repeat(20_000), false],
  ] as const)
    test(`cannot hold up who reads them: ${what}`, () => {
      const began = performance.now()
      assert.equal(read(text).garbled, garbled)
      assert.ok(performance.now() - began < 700, `${performance.now() - began} ms`)
    })
})
