import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { answerFields, interimFields, keptPrivate, responseFields, trailerFields } from '#proxy/response-fields.ts'

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

suite('the answer to a proved identity', () => {
  for (const [said, kept] of [
    [undefined, 'private'],
    ['', 'private'],
    ['max-age=60', 'max-age=60, private'],
    ['no-cache', 'no-cache, private'],
    ['must-revalidate, max-age=0', 'must-revalidate, max-age=0, private'],
    ['x-private', 'x-private, private'],
    ['max-age=60, x-public=1', 'max-age=60, x-public=1, private'],
    [['max-age=60', 'no-cache'], 'max-age=60, no-cache, private'],
    ['private', 'private'],
    ['max-age=60,PRIVATE', 'max-age=60,PRIVATE'],
    ['private="set-cookie"', 'private="set-cookie"'],
    ['no-store', 'no-store'],
    ['public, max-age=60', 'public, max-age=60'],
    ['s-maxage=60', 's-maxage=60'],
    [['max-age=60', 'public'], 'max-age=60, public'],
  ] as const)
    test(`says ${kept} where the service says ${JSON.stringify(said)}`, () => {
      assert.equal(keptPrivate(typeof said === 'object' ? [...said] : said), kept)
    })

  test('is left as it is when nobody was proved', () => {
    const rules = { dropResponse: nothing, responseHeaders: ['X-Request-Id', 'a'] }
    const headers = { 'cache-control': 'max-age=60', vary: 'Authorization' }
    const fields = ['cache-control', 'max-age=60', 'vary', 'Authorization', 'X-Request-Id', 'a']
    assert.deepEqual(answerFields({ ...headers }, { ...rules, personal: false }), fields)
    assert.deepEqual(answerFields({ ...headers }, { ...rules, personal: true }), fields.with(1, 'max-age=60, private'))
    assert.deepEqual(answerFields({}, { ...rules, personal: true }), ['cache-control', 'private', 'X-Request-Id', 'a'])
  })
})
