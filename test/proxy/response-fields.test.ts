import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { interimFields, responseFields, trailerFields } from '#proxy/response-fields.ts'

const nothing = () => false

suite('response fields', () => {
  test('keep repeated fields and drop what concerns one connection', () => {
    const headers = {
      'set-cookie': ['a=1', 'b=2'],
      connection: 'close, X-Own , "q"',
      'x-own': '1',
      'proxy-authenticate': 'Basic',
      trailer: 'X-Sum',
      'x-managed': '1',
      etag: '"x"',
    }
    const drop = (name: string) => name === 'x-managed'
    assert.deepEqual(responseFields(headers, drop), ['set-cookie', ['a=1', 'b=2'], 'etag', '"x"'])
    assert.ok(responseFields(headers, drop, true).includes('trailer'))
  })

  test('survive names that objects treat as special', () => {
    const headers = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>
    assert.deepEqual(responseFields(headers, nothing), ['__proto__', 'x', 'constructor', 'y'])
  })

  test('of 1xx answers are flat', () => {
    assert.deepEqual(interimFields({ link: ['</a>', '</b>'] as never, etag: 'x' }, nothing), [
      'link',
      '</a>',
      'link',
      '</b>',
      'etag',
      'x',
    ])
  })

  test('of trailers leave framing, cookies and credentials alone', () => {
    const trailers = { 'x-sum': ['1', '2'] as never, 'content-length': '1', 'set-cookie': ['a=b'], host: 'a' }
    assert.deepEqual(trailerFields(trailers, nothing), [
      ['x-sum', '1'],
      ['x-sum', '2'],
    ])
  })
})
