import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { headerReader, readHeader, type HeaderRules } from '#authn/jwt/header.ts'
import { deny, pass } from '#request/verdict.ts'

import { segment } from '../../support/tokens.ts'

const rules: HeaderRules = { algorithms: new Set(['RS256', 'ES256']), types: new Set(['jwt', 'at+jwt']) }
const read = (header: unknown) => readHeader(segment(header), rules)
const good = { alg: 'RS256', kid: 'k1', typ: 'JWT' }

suite('readHeader', () => {
  test('gives algorithm and key id', () => {
    assert.deepEqual(read(good), pass({ algorithm: 'RS256', kid: 'k1' }))
    assert.deepEqual(read({ alg: 'ES256' }), pass({ algorithm: 'ES256', kid: undefined }))
  })

  for (const typ of ['JWT', 'jwt', 'at+JWT', 'application/at+jwt', 'Application/JWT'])
    test(`accepts the type ${typ}`, () => assert.equal(read({ ...good, typ }).kind, 'pass'))

  for (const typ of ['JOSE', 'dpop+jwt', 'logout+jwt', '', 'application/', 'application/x/jwt', 1, null, ['JWT']])
    test(`refuses the type ${JSON.stringify(typ)}`, () => {
      assert.deepEqual(read({ ...good, typ }), deny('invalid_token', 'typ is not one of the accepted'))
    })

  for (const alg of [
    'none',
    'None',
    'nOnE',
    'NONE',
    '',
    'HS256',
    'rs256',
    'RS256 ',
    'PS256',
    ['RS256'],
    null,
    0,
    undefined,
  ])
    test(`refuses the algorithm ${JSON.stringify(alg)} (CVE-2015-9235)`, () => {
      assert.deepEqual(read({ ...good, alg }), deny('invalid_token', 'alg is not one of the accepted'))
    })

  for (const [member, value] of [
    ['jwk', { kty: 'RSA' }],
    ['jku', 'https://evil.test/jwks'],
    ['x5u', 'https://evil.test/cert'],
    ['x5c', ['MII…']],
    ['crit', ['exp']],
    ['crit', ['b64']],
    ['crit', []],
    ['b64', false],
    ['b64', true],
    ['zip', 'DEF'],
    ['enc', 'A256GCM'],
    ['jwk', null],
  ] as const)
    test(`refuses a header with ${member} ${JSON.stringify(value)} (CVE-2018-0114, CVE-2025-59420, RFC 7797)`, () => {
      assert.deepEqual(read({ ...good, [member]: value }), deny('invalid_token', `header has ${member}`))
    })

  for (const kid of [{ $ne: null }, 1, null, ['k1'], 'k'.repeat(257)])
    test(`refuses the key id ${JSON.stringify(kid).slice(0, 20)}`, () => {
      assert.deepEqual(read({ ...good, kid }), deny('invalid_token', 'kid is not a short text'))
    })

  test('takes a token without typ for a plain JWT: where only access tokens count it is none (RFC 9068 §4)', () => {
    const untyped = { ...good, typ: undefined }
    const strict = { ...rules, types: new Set(['at+jwt']) }
    assert.equal(readHeader(segment(untyped), rules).kind, 'pass')
    assert.equal(readHeader(segment(untyped), strict).kind, 'deny')
    assert.equal(readHeader(segment({ ...good, typ: 'application/AT+JWT' }), strict).kind, 'pass')
  })

  test('refuses duplicate members and spellings that are not canonical', () => {
    const refusal = deny('invalid_token', 'header is not canonical base64url of one JSON object')
    assert.deepEqual(read('{"alg":"none","alg":"RS256"}'), refusal)
    assert.deepEqual(readHeader(`${segment(good)}=`, rules), refusal)
    assert.deepEqual(readHeader(`${segment(good)}\n`, rules), refusal)
  })

  test('never quotes what the sender wrote', () => {
    for (const header of [
      { ...good, kid: { secret: 1 } },
      { ...good, alg: 'secret' },
      { ...good, typ: 'secret' },
    ])
      assert.ok(!JSON.stringify(read(header)).includes('secret'))
  })
})

suite('headerReader', () => {
  test('judges as readHeader does, the first time and again', () => {
    const known = headerReader(rules)
    const headers = [good, { ...good, alg: 'none' }, { ...good, kid: 'k'.repeat(200) }, { ...good, crit: ['exp'] }]
    for (const header of [...headers, ...headers])
      assert.deepEqual(known(segment(header)), readHeader(segment(header), rules))
  })

  test('reads an accepted header once, until it has seen many others', () => {
    const known = headerReader(rules)
    const first = known(segment(good))
    assert.equal(known(segment(good)), first)
    for (let index = 0; index < 64; index += 1) known(segment({ ...good, kid: `other-${index}` }))
    assert.notEqual(known(segment(good)), first)
    assert.deepEqual(known(segment(good)), first)
  })
})
