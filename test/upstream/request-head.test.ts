import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { RequestHead } from '#upstream/exchange.ts'
import { writeHead } from '#upstream/request-head.ts'

const plain: RequestHead = { method: 'GET', path: '/a?b', host: 'h', fields: [], body: 0 }
const START = 'GET /a?b HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\n'

suite('the head of a request', () => {
  test('has host and connection first, then the fields as they are', () => {
    const fields = ['X-A', '1', 'x-a', '', 'b', '\x80 \t\xff']
    assert.equal(writeHead({ ...plain, fields }, true), `${START}X-A: 1\r\nx-a: \r\nb: \x80 \t\xff\r\n\r\n`)
    assert.equal(
      writeHead({ ...plain, method: 'OPTIONS', path: '*' }, false).slice(0, 24),
      'OPTIONS * HTTP/1.1\r\nhost',
    )
    assert.match(writeHead(plain, false), /\r\nconnection: close\r\n\r\n$/)
  })

  test('is framed by the length, by chunks, or not at all', () => {
    assert.equal(writeHead({ ...plain, body: 5 }, true), `${START}content-length: 5\r\n\r\n`)
    assert.equal(writeHead({ ...plain, body: 'chunked' }, true), `${START}transfer-encoding: chunked\r\n\r\n`)
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE'])
      assert.doesNotMatch(writeHead({ ...plain, method }, true), /content-length|transfer-encoding/)
    for (const method of ['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH'])
      assert.match(writeHead({ ...plain, method }, true), /\r\ncontent-length: 0\r\n\r\n$/)
  })

  for (const [what, wrong] of [
    ['an empty method', { method: '' }],
    ['a method with a space', { method: 'GET /x' }],
    ['a method with CRLF', { method: 'GET\r\n' }],
    ['a relative path', { path: 'a' }],
    ['an empty path', { path: '' }],
    ['another authority', { path: 'http://b/' }],
    ['a space in the path', { path: '/a b' }],
    ['CRLF in the path', { path: '/a\r\nx: y' }],
    ['DEL in the path', { path: '/\x7f' }],
    ['a letter that would be written as LF, in the path', { path: '/\u010a' }],
    ['CRLF in host', { host: 'a\r\nx: y' }],
    ['an empty name', { fields: ['', 'x'] }],
    ['a name with a colon', { fields: ['a:', 'x'] }],
    ['a name with CRLF', { fields: ['a\r\nb', 'x'] }],
    ['CRLF in a value', { fields: ['a', 'x\r\nb: y'] }],
    ['a bare LF in a value', { fields: ['a', 'x\nb'] }],
    ['a bare CR in a value', { fields: ['a', 'x\rb'] }],
    ['NUL in a value', { fields: ['a', '\0'] }],
    ['a letter that would be written as CR, in a value', { fields: ['a', '\u010d'] }],
  ] as const)
    test(`is not written with ${what}`, () => {
      assert.throws(() => writeHead({ ...plain, ...wrong }, true), TypeError)
    })
})
