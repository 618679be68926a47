import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import {
  answerFields,
  interimFields,
  isEventStream,
  keptPrivate,
  lowered,
  responseFields,
  trailerFields,
  without,
} from '#proxy/response-fields.ts'

const nothing = () => false

suite('response fields', () => {
  test('keep repeated fields and drop what concerns one connection', () => {
    const fields = [
      ['set-cookie', 'a=1'],
      ['connection', 'close, X-Own , "q"'],
      ['x-own', '1'],
      ['proxy-authenticate', 'Basic'],
      ['set-cookie', 'b=2'],
      ['connection', 'X-Other'],
      ['trailer', 'X-Sum'],
      ['x-managed', '1'],
      ['x-other', '1'],
      ['etag', '"x"'],
    ].flat()
    const drop = (name: string) => name === 'x-managed'
    assert.deepEqual(responseFields(fields, drop), ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'etag', '"x"'])
    assert.ok(responseFields(fields, drop, true).includes('trailer'))
  })

  test('survive names that objects treat as special', () => {
    const fields = ['__proto__', 'x', 'constructor', 'y', '__proto__', 'z']
    assert.deepEqual(responseFields(fields, nothing), fields)
  })

  test('of 1xx answers have no length', () => {
    const fields = ['link', '</a>', 'link', '</b>', 'content-length', '5', 'etag', 'x']
    assert.deepEqual(interimFields(fields, nothing), ['link', '</a>', 'link', '</b>', 'etag', 'x'])
  })

  test('of trailers leave framing, cookies and credentials alone', () => {
    const trailers = ['x-sum', '1', 'content-length', '1', 'x-sum', '2', 'set-cookie', 'a=b', 'host', 'a']
    assert.deepEqual(trailerFields(trailers, nothing), [
      ['x-sum', '1'],
      ['x-sum', '2'],
    ])
  })

  test('of node:http are read by their names in lower case, and left out by them', () => {
    assert.deepEqual(lowered(['Content-Length', '5', 'X-A', 'Content-Length']), [
      'content-length',
      '5',
      'x-a',
      'Content-Length',
    ])
    const fields = ['content-length', '5', 'x-a', 'content-length']
    assert.deepEqual(without(fields, 'content-length'), ['x-a', 'content-length'])
  })

  test('tell an event stream by its type alone', () => {
    assert.equal(isEventStream(['x-type', 'text/event-stream', 'content-type', 'text/plain']), false)
    assert.equal(isEventStream(['content-type', 'text/event-stream; charset=utf-8']), true)
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
      assert.equal(keptPrivate([said ?? []].flat()), kept)
    })

  test('is left as it is when nobody was proved', () => {
    const rules = { dropResponse: nothing, responseHeaders: ['X-Request-Id', 'a'] }
    const said = ['cache-control', 'max-age=60', 'vary', 'Authorization']
    const fields = [...said, 'X-Request-Id', 'a']
    assert.deepEqual(answerFields(said, { ...rules, personal: false }), fields)
    assert.deepEqual(answerFields(said, { ...rules, personal: true }), fields.with(1, 'max-age=60, private'))
    assert.deepEqual(answerFields([], { ...rules, personal: true }), ['cache-control', 'private', 'X-Request-Id', 'a'])
  })

  test('has one Cache-Control, whatever the service has said in several', () => {
    const rules = { dropResponse: nothing, responseHeaders: [], personal: true }
    const said = ['cache-control', 'max-age=60', 'x-a', 'cache-control', 'cache-control', 'no-cache']
    assert.deepEqual(answerFields(said, rules), [
      'x-a',
      'cache-control',
      'cache-control',
      'max-age=60, no-cache, private',
    ])
    assert.deepEqual(answerFields(['x-a', 'cache-control'], rules), [
      'x-a',
      'cache-control',
      'cache-control',
      'private',
    ])
  })
})
