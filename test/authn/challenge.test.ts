import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { challenges } from '#authn/challenge.ts'
import type { Scheme } from '#authn/scheme.ts'
import { denials, type Denial, type DenialCode } from '#request/denial.ts'
import { skip } from '#request/verdict.ts'

function scheme(challenge?: string, kind: Scheme['kind'] = 'jwt'): Scheme {
  return {
    name: 'stub',
    kind,
    credential: { headers: [] },
    addressed: () => false,
    attempt: () => skip,
    ...(challenge !== undefined && { challenge }),
  }
}

const bearer = [scheme('Bearer')]

suite('challenges', () => {
  test('name no error when no credential was sent (RFC 6750 §3.1)', () => {
    assert.equal(challenges(bearer, 'no_credentials'), 'Bearer realm="heimdall"')
  })

  test('say invalid_token for a credential that was not accepted', () => {
    assert.equal(challenges(bearer, 'token_expired'), 'Bearer realm="heimdall", error="invalid_token"')
  })

  test('name the scopes that a token lacks', () => {
    assert.equal(
      challenges(bearer, 'insufficient_scope', ['orders:read', 'orders:write']),
      'Bearer realm="heimdall", error="insufficient_scope", scope="orders:read orders:write"',
    )
  })

  test('list each kind of scheme once', () => {
    assert.equal(
      challenges([scheme('Bearer'), scheme(), scheme('Bearer'), scheme('DPoP')], 'no_credentials'),
      'Bearer realm="heimdall", DPoP realm="heimdall"',
    )
  })

  test('are on every 401 of a route that looks at credentials, whichever they are (RFC 9110 §15.5.2)', () => {
    const others = [scheme(undefined, 'api_key'), scheme(undefined, 'session')]
    assert.equal(challenges(others, 'no_credentials'), 'ApiKey realm="heimdall", Cookie realm="heimdall"')
    assert.equal(challenges([...others, ...bearer], 'no_credentials'), 'Bearer realm="heimdall"')
  })

  test('are absent where no credential is looked at, and for refusals that none would mend', () => {
    assert.equal(challenges([], 'no_credentials'), undefined)
    for (const code of Object.keys(denials) as DenialCode[]) {
      const { challenge }: Denial = denials[code]
      assert.equal(challenges(bearer, code) === undefined, challenge === undefined, code)
    }
  })

  test('cannot be split by a scope', () => {
    assert.equal(
      challenges(bearer, 'insufficient_scope', ['a"b\\\r\nX-Admin: 1']),
      String.raw`Bearer realm="heimdall", error="insufficient_scope", scope="a\"b\\X-Admin: 1"`,
    )
  })
})
