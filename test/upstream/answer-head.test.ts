import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { MOST_HEAD, readHead, type AnswerHead } from '#upstream/answer-head.ts'

const read = (head: string): AnswerHead | string => readHead(`${head}\r\n\r\n`, head.length + 2)
const withFields = (...lines: string[]) => read(['HTTP/1.1 200 OK', ...lines].join('\r\n'))

function accepted(head: AnswerHead | string): AnswerHead {
  assert.ok(typeof head === 'object', JSON.stringify(head))
  return head
}

suite('the status line of an answer', () => {
  for (const [line, status] of [
    ['HTTP/1.1 200 OK', 200],
    ['HTTP/1.1 200 ', 200],
    ['HTTP/1.1 200', 200],
    ['HTTP/1.0 404 Not Found', 404],
    ['HTTP/1.1 599 \x85 and\ttabs', 599],
    ['HTTP/1.1 999 x', 999],
  ] as const)
    test(`is read from ${JSON.stringify(line)}`, () => {
      assert.equal(accepted(read(line)).status, status)
    })

  for (const line of [
    '',
    'HTTP/1.1',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1 1e2 OK',
    'HTTP/1.1 +20 OK',
    'HTTP/1.1 2 0 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1  200 OK',
    ' HTTP/1.1 200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.2 200 OK',
    'HTTP/2.0 200 OK',
    'HTTP/11 200 OK',
    'http/1.1 200 OK',
    'ICY 200 OK',
    'HTTP/1.1 200 a\rb',
    'HTTP/1.1 200 a\nb',
    'HTTP/1.1 200 a\0b',
    'HTTP/1.1 200 a\x7fb',
    '\r\nHTTP/1.1 200 OK',
  ])
    test(`is none in ${JSON.stringify(line)}`, () => {
      assert.equal(typeof read(line), 'string')
    })
})

suite('the fields of an answer', () => {
  test('keep their order and number, their names in lower case, their values without the space around', () => {
    const { fields } = accepted(withFields('B: 2', 'a:\t 1 \t', 'B:', "!#$%&'*+-.^_`|~9z: \x80\xff", 'c: a  b'))
    assert.deepEqual(fields, ['b', '2', 'a', '1', 'b', '', "!#$%&'*+-.^_`|~9z", '\x80\xff', 'c', 'a  b'])
  })

  test('keep names that objects treat as special', () => {
    assert.deepEqual(accepted(withFields('__proto__: a', 'constructor: b')).fields, [
      '__proto__',
      'a',
      'constructor',
      'b',
    ])
  })

  for (const line of [
    'no colon',
    ': no name',
    ' folded: x',
    '\tfolded: x',
    'a : x',
    'a\t: x',
    'a b: x',
    'a\x80: x',
    'a(: x',
    'a: x\rb: y',
    'a: x\nb: y',
    'a: x\r\r',
    'a: \0',
    'a: \x01',
    'a: \x1f',
    'a: \x7f',
    'a\0: x',
    '',
  ])
    test(`are refused with ${JSON.stringify(line)}, wherever it stands`, () => {
      assert.equal(typeof withFields(line, 'x: y'), 'string', 'first')
      if (line !== '') assert.equal(typeof withFields('x: y', line), 'string', 'last')
    })

  test('are refused when they are too many', () => {
    const lines = (count: number) => Array.from({ length: count }, () => 'a:')
    assert.equal(typeof withFields(...lines(2000)), 'object')
    assert.equal(withFields(...lines(2001)), 'too many fields')
    assert.ok(2001 * 4 < MOST_HEAD)
  })
})

suite('the framing of an answer', () => {
  const framings: readonly (readonly [string[], AnswerHead['framing']])[] = [
    [[], 'close'],
    [['Content-Length: 0'], 0],
    [['content-length:  7\t'], 7],
    [['Content-Length: 007'], 7],
    [[`Content-Length: ${Number.MAX_SAFE_INTEGER}`], Number.MAX_SAFE_INTEGER],
    [['Transfer-Encoding: chunked'], 'chunked'],
    [['TRANSFER-ENCODING: Chunked '], 'chunked'],
  ]
  for (const [lines, framing] of framings)
    test(`of ${JSON.stringify(lines)} is ${framing}`, () => {
      assert.equal(accepted(withFields(...lines)).framing, framing)
    })

  for (const lines of [
    ['Content-Length:'],
    ['Content-Length: -1'],
    ['Content-Length: +1'],
    ['Content-Length: 1.0'],
    ['Content-Length: 0x1'],
    ['Content-Length: 1e1'],
    ['Content-Length: 1 1'],
    ['Content-Length: 1, 1'],
    ['Content-Length: 1,'],
    ['Content-Length: \u00b2'],
    [`Content-Length: ${Number.MAX_SAFE_INTEGER + 1}`],
    [`Content-Length: ${'0'.repeat(17)}`],
    ['Content-Length: 1', 'Content-Length: 1'],
    ['Content-Length: 1', 'Content-Length: 2'],
    ['Content-Length: 1', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked', 'Content-Length: 1'],
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding:'],
    ['Transfer-Encoding: gzip'],
    ['Transfer-Encoding: gzip, chunked'],
    ['Transfer-Encoding: chunked, chunked'],
    ['Transfer-Encoding: chunked;q=1'],
    ['Transfer-Encoding: "chunked"'],
    ['Transfer-Encoding: identity'],
    ['Transfer-Encoding: \x0bchunked'],
  ])
    test(`of ${JSON.stringify(lines)} is nobody's to guess`, () => {
      assert.equal(typeof withFields(...lines), 'string')
    })

  test('of HTTP/1.0 knows no chunks (RFC 9112 §6.1)', () => {
    assert.equal(typeof read('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked'), 'string')
  })
})

suite('the end of the connection', () => {
  for (const [version, lines, persistent] of [
    ['1.1', [], true],
    ['1.1', ['Connection: keep-alive'], true],
    ['1.1', ['Connection: Close'], false],
    ['1.1', ['Connection: x , cLoSe,y'], false],
    ['1.1', ['Connection: close', 'Connection: keep-alive'], false],
    ['1.1', ['Connection: keep-alive', 'Connection: close'], false],
    ['1.1', ['Connection: keep-alive, close'], false],
    ['1.1', ['Connection: closed'], true],
    ['1.0', [], false],
    ['1.0', ['Connection: Keep-Alive'], true],
    ['1.0', ['Connection: x', 'Connection: y,keep-alive'], true],
    ['1.0', ['Connection: keep-alive, close'], false],
  ] as const)
    test(`follows HTTP/${version} with ${JSON.stringify(lines)}: ${persistent ? 'not now' : 'now'}`, () => {
      assert.equal(accepted(read([`HTTP/${version} 200 OK`, ...lines].join('\r\n'))).persistent, persistent)
    })

  for (const [value, seconds] of [
    ['timeout=5', 5],
    ['timeout=5, max=100', 5],
    ['max=100, Timeout=7', 7],
    ['timeout=0', 0],
    ['max=100', undefined],
    ['xtimeout=5', undefined],
    ['timeout=5555555555', undefined],
    ['timeout="5"', undefined],
  ] as const)
    test(`is announced by Keep-Alive: ${value} for ${seconds ?? 'no time'}`, () => {
      assert.equal(accepted(withFields(`Keep-Alive: ${value}`)).keepAlive, seconds)
    })
})
