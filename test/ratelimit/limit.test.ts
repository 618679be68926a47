import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { beforeIdentity, limitSchema, needsIdentity } from '#ratelimit/limit.ts'

const parse = (part: object) => limitSchema.safeParse({ allow: '100/min', by: 'client', ...part })
const limitBy = (by: unknown) => limitSchema.parse({ allow: '100/min', by })

suite('limitSchema', () => {
  test('fills in what is left out', () => {
    assert.deepEqual(limitSchema.parse({ allow: '100/min', by: 'subject' }), {
      allow: { count: 100, period: 60_000 },
      by: ['subject'],
      on_store_down: 'local',
      report: false,
      client_prefix: { ipv4: 32, ipv6: 64 },
    })
  })

  test('takes one key or a list of them', () => {
    assert.deepEqual(limitBy('header:X-Device').by, ['header:X-Device'])
    assert.deepEqual(limitBy(['subject', 'route']).by, ['subject', 'route'])
  })

  test('refuses keys it does not know, double keys and no keys', () => {
    for (const by of ['ip', 'header:', 'header:a b', '', ['client', 'client'], [], ['subject', 'nobody']]) {
      assert.equal(parse({ by }).success, false, JSON.stringify(by))
    }
  })

  test('refuses to count by a credential, which has many spellings', () => {
    for (const by of ['header:Authorization', 'header:cookie', 'header:Proxy-Authorization']) {
      assert.equal(parse({ by }).success, false, by)
    }
  })

  test('refuses unknown words, prefixes that span the world and periods over a month', () => {
    assert.equal(parse({ per: 'client' }).success, false)
    assert.equal(parse({ on_store_down: 'ignore' }).success, false)
    assert.equal(parse({ client_prefix: { ipv6: 0 } }).success, false)
    assert.equal(parse({ client_prefix: { ipv4: 33 } }).success, false)
    assert.equal(parse({ allow: '1/32d' }).success, false)
    assert.equal(parse({ allow: '1/31d' }).success, true)
  })
})

suite('order of limits', () => {
  test('limits by client and headers come before identity, all others after it', () => {
    assert.equal(beforeIdentity(limitBy('client')), true)
    assert.equal(beforeIdentity(limitBy(['client', 'header:X-Device'])), true)
    for (const by of ['subject', 'tenant', 'route', ['client', 'route'], ['client', 'subject']]) {
      assert.equal(beforeIdentity(limitBy(by)), false, String(by))
    }
  })

  test('limits by subject or tenant need an identity, those by route do not', () => {
    for (const by of ['subject', 'tenant', ['route', 'tenant']]) assert.equal(needsIdentity(limitBy(by)), true)
    for (const by of ['client', 'route', 'header:X-Device']) assert.equal(needsIdentity(limitBy(by)), false)
  })
})
