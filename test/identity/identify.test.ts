import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { identityBlock } from '#identity/block.ts'
import { identify } from '#identity/identify.ts'
import { managedNames } from '#identity/managed.ts'
import { issuePermit } from '#request/permit.ts'
import type { Principal } from '#request/principal.ts'
import { pass } from '#request/verdict.ts'

import { incoming, principal } from '../support/incoming.ts'

const stage = identify({
  block: identityBlock('heimdall'),
  isManaged: managedNames(['heimdall']),
  credentials: { headers: ['x-api-key'], cookies: ['heimdall_session'] },
  forward_credential: false,
})
const context = { client: '192.0.2.1', trusted: false, request_id: 'r1', traceparent: '00-t-s-01' }

type Pair = readonly [name: string, value: string]

function pairsOf(list: readonly string[]): Pair[] {
  return list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1] ?? ''] as const] : []))
}

const alice = principal({ roles: ['user'] })

function going(headers: readonly string[], who: Principal | undefined): Pair[] {
  const verdict = stage(issuePermit(who), incoming({ headers }), context)
  assert.equal(verdict.kind, 'pass')
  return pairsOf(verdict.value)
}

const forwardedOnes: readonly Pair[] = [
  ['X-Forwarded-For', '192.0.2.1'],
  ['X-Forwarded-Proto', 'http'],
  ['X-Forwarded-Host', 'api.test'],
  ['X-Forwarded-Port', '80'],
  ['Forwarded', 'for=192.0.2.1;host="api.test";proto=http'],
  ['X-Request-Id', 'r1'],
  ['traceparent', '00-t-s-01'],
]
const identityOnes: readonly Pair[] = [
  ['X-Heimdall-Subject', 'alice'],
  ['X-Heimdall-Issuer', 'https://id.test'],
  ['X-Heimdall-Roles', 'user'],
  ['X-Heimdall-Authenticator', 'acme'],
]
const ours = [...forwardedOnes, ...identityOnes]

suite('identify', () => {
  test('puts ours after what the client may send', () => {
    assert.deepEqual(going(['Accept', '*/*'], alice), [['Accept', '*/*'], ...ours])
  })

  test('sends tracestate when there is one', () => {
    const verdict = stage(issuePermit(undefined), incoming(), { ...context, tracestate: 'a=1' })
    assert.deepEqual(verdict.kind === 'pass' && pairsOf(verdict.value).at(-1), ['tracestate', 'a=1'])
  })

  test('sends no identity of anonymous requests and strips all the same', () => {
    const verdict = stage(issuePermit(undefined), incoming({ headers: ['X-Heimdall-Subject', 'admin'] }), context)
    assert.deepEqual(verdict, pass(forwardedOnes.flat()))
  })

  test('refuses an identity that does not fit', () => {
    const verdict = stage(issuePermit(principal({ name: 'x'.repeat(9000) })), incoming(), context)
    assert.equal(verdict.kind === 'deny' && verdict.code, 'identity_too_large')
  })

  test('gives every request a list of its own', () => {
    const permit = issuePermit(principal())
    const one = stage(permit, incoming(), context)
    const other = stage(permit, incoming(), context)
    assert.deepEqual(one, other)
    assert.notEqual(one.kind === 'pass' && one.value, other.kind === 'pass' && other.value)
  })
})

/** Advisory → headers that were believed there. Nothing of them may arrive; ours must. */
const advisories: readonly (readonly [id: string, headers: readonly string[]])[] = [
  ['H1 CVE-2025-64484', ['X_Forwarded_User', 'admin']],
  ['H2 CVE-2026-39858 GHSA-5m6w-wvh7-57vm', ['X_Forwarded_Proto', 'https', 'X_Heimdall_Subject', 'admin']],
  ['H2 GHSA-x677-9fxg-v5c5', ['X_Auth_Request_User', 'admin', 'X-Auth_Request-Email', 'root@acme.test']],
  ['H3 CVE-2026-88011 GHSA-rf44-j88r-hh8c', ['X.Heimdall.Subject', 'admin', 'X~Heimdall-Roles', 'admin']],
  ['H3, every other token character', ['X-Heimdall-Subject!', 'admin', '_X-Heimdall--Subject', 'admin']],
  ['H5 GHSA-7r4p-vjf4-gxv4', ['X-Heimdall-Tenant', 'other', 'X-Heimdall-Permissions', '*']],
  ['H7 CVE-2021-32813', ['Connection', 'close, x-heimdall-subject']],
  ['H7 CVE-2024-45410', ['Connection', 'X-HEIMDALL-SUBJECT, X-Forwarded-For', 'X-Forwarded-For', '127.0.0.1']],
  ['H7 GHSA-92mv-8f8w-wq52', ['Connection', '', 'Connection', 'x-heimdall-roles', 'x-heimdall-roles', 'admin']],
  ['H7 CVE-2026-33805 GHSA-gwhp-pf74-vj37', ['Connection', 'forwarded', 'connection', 'X-Request-Id']],
  ['H8 CVE-2026-26308 GHSA-ghc4-35x6-crw5', ['X-Heimdall-Roles', 'user', 'x-heimdall-roles', 'admin']],
  ['H9 CVE-2026-40575 GHSA-7x63-xv5r-3p2x', ['X-Forwarded-Uri', '/public', 'X-Forwarded-Method', 'GET']],
  ['H10 CVE-2023-27487 CVE-2024-45806', ['X-Original-URL', '/x', 'X-Rewrite-URL', '/x', 'X-Envoy-Original-Path', '/x']],
  ['H11 CVE-2026-35051 CVE-2026-54764', ['X-Forwarded-Prefix', '/x', 'X-Forwarded-Port', '1', 'X-Forwarded-Ssl', 'on']],
  [
    'H11 GHSA-vhr5-ggp3-qq85',
    ['X-Forwarded-Proto', 'https', 'X-Forwarded-Server', 'x', 'X-Forwarded-Client-Cert', 'x'],
  ],
  ['H11 CVE-2026-3635', ['X-Scheme', 'https', 'Via', '1.1 x', 'True-Client-Ip', '::1', 'CF-Connecting-IP', '::1']],
  ['H14 method override', ['X-HTTP-Method-Override', 'DELETE', 'X-Method-Override', 'DELETE', 'X_HTTP_METHOD', 'PUT']],
  ['H15 CVE-2022-24112', ['X-Real-IP', '127.0.0.1', 'X-Client-IP', '127.0.0.1']],
]

suite('published bypasses', () => {
  for (const [id, headers] of advisories)
    test(`${id}: only ours arrives`, () => {
      assert.deepEqual(going(headers, alice), ours)
    })

  test("H5: a fact that the identity lacks is absent, not the client's", () => {
    const names = going(['X-Heimdall-Email', 'root@acme.test'], alice).map(([name]) => name)
    assert.ok(!names.includes('X-Heimdall-Email'))
  })

  test('H13 CVE-2026-31908: a claim with a line break is one header', () => {
    const [, value] =
      going([], principal({ name: 'a\r\nX-Admin: 1' })).find(([name]) => name === 'X-Heimdall-Name') ?? []
    assert.equal(value, 'a%0D%0AX-Admin: 1')
  })

  test('H17: ours are visible ASCII and other values keep their bytes', () => {
    const all = going(['X-Any', '\x85admin\xa0'], principal({ name: '\x85admin\xa0' }))
    assert.deepEqual(all[0], ['X-Any', '\x85admin\xa0'])
    for (const [name, value] of all.slice(1)) assert.match(`${name}: ${value}`, /^[\x20-\x7e]+$/)
  })
})

/** The oracle, on its own feet: what a CGI service would call the header. */
function cgi(name: string): string {
  const words = name
    .toUpperCase()
    .split('')
    .map((letter) => (/[A-Z0-9]/.test(letter) ? letter : ' '))
    .join('')
  return words
    .split(' ')
    .filter((word) => word !== '')
    .join('_')
}

const oracleExact = new Set(
  'FORWARDED X_REAL_IP X_REWRITE_URL X_CLIENT_IP TRUE_CLIENT_IP CF_CONNECTING_IP X_SCHEME X_CLUSTER_CLIENT_IP FASTLY_CLIENT_IP X_PROXYUSER_IP X_REQUEST_ID TRACEPARENT TRACESTATE X_HTTP_METHOD_OVERRIDE X_HTTP_METHOD X_METHOD_OVERRIDE REMOTE_USER REMOTE_GROUPS REMOTE_EMAIL REMOTE_NAME X_AUTHENTICATED_GROUPS X_ANONYMOUS_CONSUMER PROXY AUTHORIZATION X_API_KEY CONTENT_LENGTH TRANSFER_ENCODING HOST'.split(
    ' ',
  ),
)
const oracleFamily = /^X_(?:HEIMDALL|FORWARDED_|ORIGINAL_|ENVOY_|AUTH_REQUEST_|CONSUMER_|CREDENTIAL_)/
const mayOnlyBeOurs = (name: string): boolean => oracleExact.has(cgi(name)) || oracleFamily.test(cgi(name))

const managedStems = [...oracleExact, 'X_HEIMDALL_SUBJECT', 'X_FORWARDED_FOR', 'X_ORIGINAL_URL', 'X_ENVOY_PEER']
const separator = fc.constantFrom(..."-_.!#$%&'*+^`|~".split(''), '--', '_-')
const aliasOf = (stem: string) =>
  fc
    .tuple(fc.array(separator, { minLength: 8, maxLength: 8 }), fc.boolean(), fc.boolean(), fc.boolean())
    .map(([separators, lower, before, after]) => {
      const joined = stem.split('_').reduce((name, word, index) => `${name}${separators[index] ?? '-'}${word}`)
      const name = `${before ? separators[0] : ''}${joined}${after ? separators[7] : ''}`
      return lower ? name.toLowerCase() : name
    })
const managedName = fc.constantFrom(...managedStems).chain(aliasOf)
const otherName = fc.constantFrom('Accept', 'X-Custom', 'x_custom', 'Cache-Control', 'If-Match', 'baggage', 'X-Forward')
const singular = new Set(['host', 'authorization', 'content-length', 'transfer-encoding'])
const headerName = fc.oneof(managedName, otherName).filter((name) => !singular.has(name.toLowerCase()))
const headerValue = fc.stringMatching(/^[\x21-\x7e\x80-\xff]{0,8}$/)
const lines = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(headerName, headerValue) },
    {
      weight: 1,
      arbitrary: fc
        .array(fc.oneof(headerName, fc.constantFrom('X-Heimdall-Subject', 'close', 'X-CUSTOM', '')), { maxLength: 4 })
        .map((tokens) => ['Connection', tokens.join(' , ')] as [string, string]),
    },
  ),
  { maxLength: 20 },
)

suite('whatever a client sends', () => {
  test("no header of ours is the client's, and nothing else is lost", () => {
    fc.assert(
      fc.property(lines, fc.boolean(), (sent, known) => {
        const all = going(sent.flat(), known ? alice : undefined)
        const expected = known ? ours : forwardedOnes
        const theirs = all.slice(0, all.length - expected.length)

        assert.deepEqual(all.slice(theirs.length), expected)
        assert.deepEqual(
          theirs.filter(([name]) => mayOnlyBeOurs(name)),
          [],
        )

        const named = sent.filter(([name]) => name === 'Connection').flatMap(([, value]) => value.split(','))
        const gone = new Set(['connection', ...named.map((token) => token.trim().toLowerCase())])
        const kept = sent.filter(([name]) => !mayOnlyBeOurs(name) && !gone.has(name.toLowerCase()))
        assert.deepEqual(theirs, kept)
      }),
      { numRuns: 500 },
    )
  })
})
