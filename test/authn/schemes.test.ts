import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { authenticatorSchema, buildSchemes, keySourcesOf } from '#authn/schemes.ts'
import { silent } from '#telemetry/log.ts'

import { authnBench } from '../support/authn.ts'

const issuer = 'https://id.test'
const jwt = (part: Record<string, unknown> = {}) => ({ jwt: { issuer, audience: 'api', ...part } })

/** Complaints as `path: message`. */
function complaints(written: unknown): string[] {
  const parsed = authenticatorSchema.safeParse(written)
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

suite('an authenticator of the file', () => {
  for (const written of [
    jwt(),
    jwt({ audience: ['a', 'b'] }),
    jwt({ jwks_url: 'https://id.test/jwks' }),
    jwt({ jwks_url: 'https://10.0.0.1/jwks' }),
    jwt({ issuer: 'http://169.254.169.254', jwks_file: '/etc/keys.json' }),
    jwt({ issuer: 'acme', jwks_file: '/etc/keys.json', claims: { roles: 'realm_access.roles' }, grants: 'both' }),
    jwt({ issuer: 'acme', secret: 's'.repeat(64), algorithms: ['HS512'] }),
    { session: {} },
    { api_key: {} },
  ])
    test(`may be ${JSON.stringify(written)}`, () => assert.deepEqual(complaints(written), []))

  for (const written of [{}, { ...jwt(), session: {} }])
    test(`names exactly one kind, unlike ${Object.keys(written).join(' and ') || 'nothing'}`, () => {
      assert.deepEqual(complaints(written), [': must name exactly one kind: jwt, session or api_key'])
    })

  test('has no kinds and options that nobody knows', () => {
    assert.deepEqual(complaints({ jtw: {} }), [': Unrecognized key: "jtw"'])
    assert.deepEqual(complaints(jwt({ jwks: 'x' })), ['jwt: Unrecognized key: "jwks"'])
    assert.deepEqual(complaints(jwt({ claims: { role: 'x' } })), ['jwt.claims: Unrecognized key: "role"'])
  })

  for (const [part, complaint] of [
    [
      { issuer: 'acme' },
      'issuer: must be an http:// or https:// URL, or jwks_url or jwks_file must say where the keys are',
    ],
    [
      { jwks_url: 'https://a.test', jwks_file: '/a' },
      'jwks_file: cannot stand beside jwks_url: keys come from one place',
    ],
    [{ jwks_url: 'file:///a' }, 'jwks_url: must be an http:// or https:// URL without user or fragment'],
    [
      { jwks_url: 'http://169.254.169.254/jwks' },
      'jwks_url: must not be an address at which clouds give credentials to machines',
    ],
    [{ issuer: 'http://[fe80::1]' }, 'issuer: must not be an address at which clouds give credentials to machines'],
    [{ algorithms: ['RS256', 'HS256'] }, 'algorithms: needs a secret for HS256'],
    [{ secret: 's'.repeat(32) }, 'algorithms: must list HS256, HS384 or HS512 and no other beside a secret'],
    [
      { secret: 's'.repeat(31), algorithms: ['HS256'] },
      'secret: must have at least 32 bytes for HS256 (RFC 7518 §3.2)',
    ],
    [
      { secret: 's'.repeat(63), algorithms: ['HS256', 'HS512'] },
      'secret: must have at least 64 bytes for HS256, HS512 (RFC 7518 §3.2)',
    ],
    [{ clock_skew: '6m' }, 'clock_skew: must be at most 5m'],
  ] as const)
    test(`is refused with ${JSON.stringify(part).slice(0, 60)}`, () => {
      assert.deepEqual(complaints(jwt(part)), [`jwt.${complaint}`])
    })

  test('needs issuer and audience, and knows its algorithms', () => {
    assert.deepEqual(
      authenticatorSchema.safeParse({ jwt: {} }).error?.issues.map(({ path }) => path.join('.')),
      ['jwt.issuer', 'jwt.audience'],
    )
    for (const part of [
      { audience: [] },
      { audience: '' },
      { algorithms: [] },
      { algorithms: ['none'] },
      { types: [] },
    ])
      assert.equal(complaints(jwt(part)).length, 1, JSON.stringify(part))
  })

  test('has the documented defaults', () => {
    assert.deepEqual(authenticatorSchema.parse(jwt()).jwt, {
      issuer,
      audience: ['api'],
      algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'],
      types: ['JWT', 'at+jwt'],
      clock_skew: 30_000,
      max_lifetime: 86_400_000,
      claims: {
        subject: 'sub',
        roles: 'roles',
        permissions: 'permissions',
        groups: 'groups',
        tenant: 'tenant',
        email: 'email',
        name: 'name',
        client: 'client_id',
      },
      grants: 'claims',
      cooldown: 30_000,
      refresh: 600_000,
      max_stale: 86_400_000,
    })
  })
})

suite('buildSchemes', () => {
  test('makes one scheme of each authenticator, by name', async () => {
    const { keySets, metrics } = authnBench()
    const written = {
      a: jwt({ secret: 's'.repeat(32), algorithms: ['HS256'] }),
      b: { session: {} },
      c: { api_key: {} },
    }
    const parsed = Object.fromEntries(
      Object.entries(written).map(([name, one]) => [name, authenticatorSchema.parse(one)]),
    )
    const schemes = buildSchemes(
      parsed,
      { clock: () => 0, keySets, lookups: undefined, metrics, log: silent },
      { roles: {}, claims: [] },
    )
    assert.deepEqual(
      [...schemes].map(([name, scheme]) => [name, scheme.name, scheme.kind]),
      [
        ['a', 'a', 'jwt'],
        ['b', 'b', 'session'],
        ['c', 'c', 'api_key'],
      ],
    )
    await keySets.close()
  })

  test('does not take an authenticator that the schema would refuse', async () => {
    const { keySets, metrics } = authnBench()
    const deps = { clock: () => 0, keySets, lookups: undefined, metrics, log: silent }
    assert.throws(
      () => buildSchemes({ a: {} }, deps, { roles: {}, claims: [] }),
      new TypeError('authenticator a names no kind'),
    )
    await keySets.close()
  })
})

test('keySourcesOf names where the keys of a file come from', () => {
  const pace = { cooldown: 30_000, refresh: 600_000, max_stale: 86_400_000 }
  const written = [
    jwt(),
    jwt({ jwks_url: 'https://id.test/jwks' }),
    jwt({ jwks_file: '/keys.json' }),
    jwt({ secret: 's'.repeat(32), algorithms: ['HS256'] }),
    { session: {} },
  ].map((one) => authenticatorSchema.parse(one))
  assert.deepEqual(keySourcesOf(Object.fromEntries(written.entries())), [
    { kind: 'discovery', at: issuer, pace },
    { kind: 'url', at: 'https://id.test/jwks', pace },
    { kind: 'file', at: '/keys.json', pace },
  ])
})
