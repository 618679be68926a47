import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { readRedisUrl, type RedisPlace } from '#values/redis-url.ts'

const plain = { master: '', db: 0, credentials: {}, sentinelCredentials: {}, tls: undefined }
const host = (name: string, port = 6379) => ({ host: name, port })

const places: readonly [url: string, place: Partial<RedisPlace>][] = [
  ['redis://cache', { kind: 'single', hosts: [host('cache')] }],
  ['redis://cache/', { kind: 'single', hosts: [host('cache')] }],
  [
    'redis://:s%40e:cret@[::1]:7000/2',
    { kind: 'single', hosts: [host('::1', 7000)], db: 2, credentials: { password: 's@e:cret' } },
  ],
  [
    'rediss://ann:b@cache?ca=/etc/ca.pem',
    {
      kind: 'single',
      hosts: [host('cache')],
      credentials: { username: 'ann', password: 'b' },
      tls: { ca: '/etc/ca.pem' },
    },
  ],
  ['redis-sentinel://a,b:1/main', { kind: 'sentinel', hosts: [host('a', 26_379), host('b', 1)], master: 'main' }],
  [
    'rediss-sentinel://:p@a/main?db=3&sentinel_username=u&sentinel_password=x%26y+z&cert=/c&key=/k',
    {
      kind: 'sentinel',
      hosts: [host('a', 26_379)],
      master: 'main',
      db: 3,
      credentials: { password: 'p' },
      sentinelCredentials: { username: 'u', password: 'x&y+z' },
      tls: { cert: '/c', key: '/k' },
    },
  ],
  ['redis-cluster://a,b:7001', { kind: 'cluster', hosts: [host('a'), host('b', 7001)] }],
  ['rediss-cluster://a', { kind: 'cluster', hosts: [host('a')], tls: {} }],
]

const flaws: readonly [url: string, flaw: RegExp][] = [
  ['cache:6379', /^must be a redis:/],
  ['redis://ca che', /^must be a redis:/],
  ['redis-sentinal://a/main', /^must be a redis:/],
  ['REDIS://cache', /^must be a redis:/],
  ['redis://', /HOST/],
  ['redis://:6379', /HOST/],
  ['redis://a:0', /HOST/],
  ['redis://a:65536', /HOST/],
  ['redis://[a]', /HOST/],
  ['redis-cluster://a,,b', /HOST/],
  ['redis://u:pass/word@a', /HOST/],
  ['redis://u:pass#word@a', /%23/],
  ['redis://u:50%@a', /%25/],
  ['redis://a,b', /several servers/],
  ['redis://a/main', /number of a database/],
  ['redis://a?commandTimeout=0', /option .* knows none/],
  ['redis://a?ca=/x', /option .* knows none/],
  ['redis-sentinel://a', /name of the primary/],
  ['redis-sentinel://a/main?db=x', /number in `db`/],
  ['redis-sentinel://a/main?db=1&db=2', /`db` twice/],
  ['redis-cluster://a/1', /no path/],
  ['rediss://a?ca=ca.pem', /absolute path in `ca`/],
  ['rediss://a?cert=/c', /together/],
]

suite('readRedisUrl', () => {
  for (const [url, place] of places)
    test(`reads ${url}`, () => assert.deepEqual(readRedisUrl(url), { ...plain, ...place }))

  for (const [url, flaw] of flaws)
    test(`refuses ${url}`, () => {
      const read = readRedisUrl(url)
      assert.match('flaw' in read ? read.flaw : 'no flaw', flaw)
    })

  test('reads back any credentials that are escaped', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1, unit: 'grapheme' }), (username, password) => {
        const read = readRedisUrl(`redis://${encodeURIComponent(username)}:${encodeURIComponent(password)}@a`)
        assert.deepEqual('flaw' in read || read.credentials, { username, password })
      }),
    )
  })

  test('says nothing of what it was given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const read = readRedisUrl(`redis://user:hunter2${text}@a?hunter2=${text}`)
        assert.ok(!('flaw' in read) || !read.flaw.includes('hunter2'))
      }),
    )
  })
})
