/**
 * Path and target confusion: no spelling of a path leads to another route than the one the upstream will think of.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { admit } from '#request/admit.ts'
import { match } from '#routing/match.ts'
import type { RouteRule } from '#routing/rule.ts'
import { buildTable } from '#routing/table.ts'

import { rawRequest } from '../support/incoming.ts'

function rule(path: string): RouteRule<string> {
  return { name: path, path, allow_encoded: [], route: path }
}

/** The table that is easiest to walk around: everything is public but one prefix. */
const table = buildTable([rule('/**'), rule('/admin'), rule('/admin/**'), rule('/public/**')])

/** The route that answers, or the code of the refusal, from the bytes of the request line on. */
function answer(url: string, method = 'GET'): string {
  const admitted = admit(rawRequest({ url, method }))
  if (admitted.kind === 'deny') return admitted.code
  const verdict = match(table, admitted.value)
  return verdict.kind === 'pass' ? verdict.value.route : verdict.code
}

/** What the most tolerant of upstreams would make of a target: everything decoded once, parameters off, dots resolved. */
function normalForm(url: string): string {
  const path = (url.split(/[?#]/)[0] ?? '').replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  const plain =
    path
      .split('\0')[0]
      ?.replaceAll('\\', '/')
      .replaceAll(/;[^/]*/g, '') ?? ''
  const resolved: string[] = []
  for (const segment of plain.split('/')) {
    if (segment === '..') resolved.pop()
    else if (segment !== '.' && segment !== '') resolved.push(segment)
  }
  return `/${resolved.join('/')}`
}

const isProtected = (path: string) => path === '/admin' || path.startsWith('/admin/')

suite('path confusion', () => {
  const rows: readonly (readonly [row: string, urls: readonly string[], outcome: string])[] = [
    [
      'P1',
      ['/public/../admin', '/public/%2e%2e/admin', '/public/%2E./admin', '/./admin', '/admin/.', '/admin/..'],
      'target_invalid',
    ],
    ['P2', ['/a%2fadmin', '/a%2Fadmin', '/a%5cadmin', '/a%5Cadmin', '/admin%2f', '/%2fadmin', '/a%00'], 'encoded_path'],
    ['P2 once decoded', ['/%252fadmin', '/a%252fadmin', '/%2561dmin'], '/**'],
    ['P3', ['/a%00.png', '/a%3b', '/admin%00', '/admin%3bx', '/admin%0a'], 'encoded_path'],
    ['P3 below', ['/admin/%3fx', '/admin/%23'], '/admin/**'],
    [
      'P4',
      ['/public/..;/admin', '/public/..;a=b/admin', '/public/%2e%2e;/admin', '/..%2fadmin', '/public/..%5cadmin'],
      'target_invalid',
    ],
    ['P5', ['http:http://internal/admin', 'http:admin', 'admin', ''], 'target_invalid'],
    [
      'P6',
      [
        'http://evil.test/admin',
        '/admin#/public',
        'http://api.test#@evil/',
        'http://a@api.test/admin',
        'http://api.test:80/x',
      ],
      'target_invalid',
    ],
    ['P6 own', ['http://api.test/admin', 'HTTP://API.test/admin'], '/admin'],
    ['P7', ['/admin?x=/public', '/admin?/public/', '/admin?'], '/admin'],
    ['P8', ['/%61dmin', '/%61%64%6d%69%6E', '/admi%6e'], '/admin'],
    ['P8 slash', ['/admin/', '/%61dmin/'], '/admin/**'],
    ['P8 matrix', ['/admin;x=1', '/admin;', '/;/admin', '/admin;/x'], 'encoded_path'],
    ['P8 case', ['/ADMIN', '/Admin/x'], '/**'],
    ['P9', ['//evil.test/x', '/\\evil.test/x', '///admin', '/admin//', '*'], 'target_invalid'],
    ['P10', ['/./admin', '/a/./admin'], 'target_invalid'],
  ]
  for (const [row, urls, outcome] of rows)
    test(`${row}: ${urls[0]} and the like end as ${outcome}`, () => {
      for (const url of urls) assert.equal(answer(url), outcome, url)
    })

  test('P9: OPTIONS * meets no route', () => {
    assert.equal(answer('*', 'OPTIONS'), 'route_unknown')
  })

  test('P11: what passes as public has no normal form under the protected prefix', () => {
    const before = [
      '',
      '/',
      '//',
      '/.',
      '/./',
      '/..',
      '/../',
      '/public/../',
      '/public/..;/',
      '/%2e/',
      '/%2e%2e/',
      '/;/',
      '/.;/',
      '/%2f',
      '/%5c',
      '/\\',
      '/%00/',
      '/%20/',
      '/%09',
      '/x/../',
      '/public%2f..%2f',
      '/public/%2e%2e%2f',
    ]
    const names = [
      'admin',
      '%61dmin',
      '%41dmin',
      'ADMIN',
      'admi%6E',
      '%61%64%6d%69%6e',
      '%2561dmin',
      'adm%69n',
      'admin%',
    ]
    const after = [
      '',
      '/',
      '//',
      '/.',
      '/..',
      '/*',
      '/**',
      '?',
      '??',
      '?x=/public',
      '#',
      '%',
      '%20',
      '%09',
      '%00',
      '%0d%0a',
      '%23',
      '%2f',
      '%5c',
      '\\',
      ';',
      '..;/',
      ';/',
      ';x',
      '.',
      '.json',
      '.html',
      '~',
      '/~',
      '/./',
      '/%2e',
      '/%2e/',
      '/%20',
      '%3f',
      '%3b',
      '%26',
      '&',
      '/x;y',
      '/..;/public',
      '/../public',
      '/%2e%2e/public',
    ]
    const urls = before.flatMap((start) => names.flatMap((name) => after.map((end) => `${start}${name}${end}`)))
    const wrong = urls.filter((url) => ['/**', '/public/**'].includes(answer(url)) && isProtected(normalForm(url)))
    assert.deepEqual(wrong, [])
    assert.ok(urls.some((url) => answer(url) === '/**') && urls.some((url) => answer(url) === '/admin'))
  })

  test('P11: nor does any other mixture of such parts', () => {
    const parts = [
      '/',
      '/',
      'admin',
      'admin',
      'public',
      '.',
      '..',
      '%2e',
      '%2E',
      '%2f',
      '%5C',
      '\\',
      ';',
      '%3B',
      '%61dmin',
      '%6e',
      '%00',
      '%25',
      '%3F',
      '?',
      '#',
      '%23',
      '%20',
      '%40',
      '@',
      '*',
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 10 }), (mixed) => {
        const url = `/${mixed.join('')}`
        const route = answer(url)
        if (route.startsWith('/')) assert.equal(isProtected(normalForm(url)), route.startsWith('/admin'), url)
      }),
      { numRuns: 20_000 },
    )
  })
})
