import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { LimitSubject } from '#ratelimit/key.ts'
import { limitKey, limitKeys } from '#ratelimit/keys.ts'
import { idOf, keyReader } from '#ratelimit/limiter.ts'
import { limitSchema } from '#ratelimit/limit.ts'

import { principal } from '../support/incoming.ts'

const alice = principal({ tenant: 'acme' })
const headers: Readonly<Record<string, string>> = { 'x-device': 'phone', 'x-empty': '' }
const request: LimitSubject = {
  client: '192.0.2.1',
  principal: alice,
  route: 'orders',
  header: (name) => headers[name],
}

const options = (by: string | string[]) => limitSchema.parse({ allow: '5/s', by })
const keyOf = (by: string | string[], part: Partial<LimitSubject> = {}) =>
  keyReader(options(by))({ ...request, ...part })

suite('limit keys', () => {
  test('are told apart by their words', () => {
    assert.deepEqual(
      ['client', 'subject', 'tenant', 'route', 'header:X-Device'].map((word) => limitKey(word)?.name),
      limitKeys.map(({ name }) => name),
    )
    assert.equal(limitKey('host'), undefined)
  })

  test('count by (issuer, subject): two issuers never share a person', () => {
    const other = principal({ issuer: 'https://other.test' })
    assert.notEqual(keyOf('subject'), keyOf('subject', { principal: other }))
    assert.equal(
      keyOf('subject'),
      keyOf('subject', { principal: principal({ scheme: 'session', authenticator: 'login' }) }),
    )
  })

  test('count tenants per issuer, and requests without one in a bucket of their own', () => {
    const other = principal({ issuer: 'https://other.test', tenant: 'acme' })
    const none = principal()
    assert.equal(new Set([alice, other, none].map((one) => keyOf('tenant', { principal: one }))).size, 3)
  })

  test('count by route name', () => {
    assert.notEqual(keyOf('route'), keyOf('route', { route: 'admin' }))
  })

  test('count by header value, absent being different from empty', () => {
    const keys = ['header:X-Device', 'header:x-empty', 'header:x-absent'].map((by) => keyOf(by))
    assert.equal(new Set(keys).size, 3)
    assert.equal(keyOf('header:x-device'), keyOf('header:X-DEVICE'))
  })

  test('neither store nor lengthen with the value of a header', () => {
    const secret = 'hunter2'.repeat(5000)
    const key = keyOf('header:x-any', { header: () => secret })
    assert.ok(key.length <= 100)
    assert.ok(!key.includes('hunter2'))
  })

  test('count a request that lacks a part, in the bucket of all that lack it', () => {
    const anonymous = keyOf('subject', { principal: undefined })
    assert.equal(anonymous, keyOf('subject', { principal: undefined, client: '192.0.2.9' }))
    assert.notEqual(anonymous, keyOf('subject', { principal: principal({ issuer: '', subject: '' }) }))
  })

  test('make one bucket per combination', () => {
    const pairs = [
      keyOf(['subject', 'route']),
      keyOf(['subject', 'route'], { route: 'admin' }),
      keyOf(['subject', 'route'], { principal: principal({ subject: 'bob' }) }),
    ]
    assert.equal(new Set(pairs).size, 3)
    assert.equal(keyOf(['client', 'route']), keyOf(['client', 'route'], { principal: undefined }))
  })
})

suite('idOf', () => {
  const id = (part: object) =>
    idOf({ name: 'per-user', ...limitSchema.parse({ allow: '5/s', by: 'subject', ...part }) })

  test('stays when only the manner of answering changes', () => {
    assert.equal(id({}), id({ report: true, on_store_down: 'deny' }))
    assert.equal(id({}), id({ allow: '5/1s' }))
  })

  test('changes with name, rate, key and prefix', () => {
    const ids = [id({}), id({ allow: '6/s' }), id({ allow: '5/min' }), id({ by: ['subject', 'route'] })]
    const prefixed = id({ by: 'client', client_prefix: { ipv6: 56 } })
    const renamed = idOf({ name: 'other', ...options('subject') })
    assert.equal(new Set([...ids, id({ by: 'client' }), prefixed, renamed]).size, 7)
  })
})
