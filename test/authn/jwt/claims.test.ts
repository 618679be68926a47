import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { checkClaims, type ClaimRules } from '#authn/jwt/claims.ts'

import { outcomeOf } from '../../support/authn.ts'
import { claims, NOW } from '../../support/tokens.ts'

const rules: ClaimRules = { audience: new Set(['orders-api', 'api']), clock_skew: 30_000, max_lifetime: 3_600_000 }
const seconds = NOW / 1000
const outcome = (part: Record<string, unknown>, now = NOW) => outcomeOf(checkClaims(claims(part), rules, now))

suite('checkClaims', () => {
  test('says how long the token is good, as the token says it', () => {
    const good = (starts_at: number) => ({ kind: 'pass', value: { starts_at, expires_at: seconds + 300 } })
    assert.deepEqual(checkClaims(claims({ nbf: seconds - 5 }), rules, NOW), good(seconds))
    assert.deepEqual(checkClaims(claims({ nbf: seconds + 5 }), rules, NOW), good(seconds + 5))
    assert.deepEqual(checkClaims(claims({ iat: undefined }), rules, NOW), good(0))
  })

  test('holds exp to the millisecond of the skew', () => {
    const end = (seconds + 300) * 1000 + 30_000
    assert.equal(outcome({}, end - 1), 'pass')
    assert.equal(outcome({}, end), 'token_expired')
  })

  for (const name of ['nbf', 'iat'])
    test(`holds ${name} to the millisecond of the skew`, () => {
      const part = { [name]: seconds + 60, exp: seconds + 120 }
      assert.equal(outcome(part, NOW + 30_000), 'pass')
      assert.equal(outcome(part, NOW + 29_999), 'invalid_token')
    })

  for (const exp of [undefined, null, '1700000300', Number.POSITIVE_INFINITY, 1e300, -1, [seconds + 300], true])
    test(`refuses exp ${String(exp)}`, () => assert.equal(outcome({ exp }), 'invalid_token'))

  for (const name of ['nbf', 'iat'])
    for (const value of [null, '0', 1e300, -1, {}])
      test(`refuses ${name} ${JSON.stringify(value)}`, () => assert.equal(outcome({ [name]: value }), 'invalid_token'))

  test('accepts fractions of seconds, and tokens without iat', () => {
    assert.equal(outcome({ exp: seconds + 0.5 }), 'pass')
    assert.equal(outcome({ iat: undefined }), 'pass')
  })

  test('refuses a lifetime over the longest, from issue or, without it, from now', () => {
    assert.equal(outcome({ exp: seconds + 3600 }), 'pass')
    assert.equal(outcome({ exp: seconds + 3601 }), 'invalid_token')
    assert.equal(outcome({ iat: seconds - 3600, exp: seconds + 1 }), 'invalid_token')
    assert.equal(outcome({ iat: undefined, exp: seconds + 3630 }), 'pass')
    assert.equal(outcome({ iat: undefined, exp: seconds + 3631 }), 'invalid_token')
  })

  for (const aud of ['api', ['api'], ['other', 'orders-api']])
    test(`accepts the audience ${JSON.stringify(aud)}`, () => assert.equal(outcome({ aud }), 'pass'))

  for (const aud of [
    undefined,
    null,
    '',
    'other',
    'orders-api ',
    'ORDERS-API',
    [],
    ['other'],
    ['api', 1],
    { api: 1 },
    1,
  ])
    test(`refuses the audience ${JSON.stringify(aud)} (CVE-2024-47616)`, () =>
      assert.equal(outcome({ aud }), 'invalid_token'))
})
