import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { asterisk, parseOrigin, parseTarget, type Target } from '#request/target.ts'
import { deny, pass, type Verdict } from '#request/verdict.ts'

const get = (raw: string): Verdict<Target> => parseTarget('GET', raw, 'api.test')

function admitted(raw: string): Target {
  const verdict = get(raw)
  assert.equal(verdict.kind, 'pass', raw)
  return verdict.value
}

function refusal(verdict: Verdict<Target>): string {
  return verdict.kind === 'deny' ? `${verdict.code}: ${verdict.note}` : 'admitted'
}

suite('parseTarget', () => {
  test('takes a plain path and query as they are', () => {
    assert.deepEqual(
      get('/orders/7?x=%2e%2e/&y=a\\b'),
      pass({
        origin: '/orders/7?x=%2e%2e/&y=a\\b',
        path: '/orders/7',
        match: '/orders/7',
        query: '?x=%2e%2e/&y=a\\b',
        encoded: [],
      }),
    )
  })

  test('P7: a query is no part of the path', () => {
    assert.equal(admitted('/admin?x=/public').match, '/admin')
    assert.equal(admitted('/a?b?c').query, '?b?c')
  })

  test('P8: decodes unreserved escapes for matching, and only those', () => {
    const target = admitted('/%61dm%69n/%7Euser/%2D%5f')
    assert.equal(target.match, '/admin/~user/-_')
    assert.equal(target.path, '/%61dm%69n/%7Euser/%2D%5f')
    assert.equal(admitted('/a%40b%c3%a9').match, '/a%40b%C3%A9')
  })

  test('matches escapes whatever the case of their digits', () => {
    assert.equal(admitted('/caf%c3%a9').match, admitted('/caf%C3%A9').match)
  })

  test('P2: never decodes twice', () => {
    assert.equal(admitted('/a%252fb').match, '/a%252fb')
    assert.equal(admitted('/a%252fb').encoded.length, 0)
    assert.equal(admitted('/a%2541').match, '/a%2541')
  })

  for (const [path, kind] of [
    ['/a%2fadmin', 'slash'],
    ['/a%2Fadmin', 'slash'],
    ['/a%5cadmin', 'backslash'],
    ['/a%5Cadmin', 'backslash'],
    ['/a%00.png', 'null'],
    ['/a%0d%0ab', 'control'],
    ['/a%7f', 'control'],
    ['/admin;x=1', 'semicolon'],
    ['/a%3b', 'semicolon'],
    ['/a%3B', 'semicolon'],
  ] as const)
    test(`P2, P3: marks ${path} as doubtful (${kind})`, () => {
      assert.deepEqual(admitted(path).encoded, [kind])
    })

  test('marks every doubtful part there is', () => {
    assert.deepEqual(admitted('/a%2F%00;b').encoded, ['slash', 'null', 'semicolon'])
  })

  for (const path of [
    '/public/../admin',
    '/public/%2e%2e/admin',
    '/public/%2E./admin',
    '/./admin',
    '/..',
    '/.',
    '/a/..',
    '/a/..?x',
    '/..;/admin',
    '/..;a=b/admin',
    '/.;/admin',
    '/..%3b/admin',
    '/..%3Ba/admin',
    '/a%2f..%2fadmin',
    '/a%2F%2e%2E',
    '/a%5c..%5Cadmin',
    '/a/..%23/admin',
    '/a/..%3f/admin',
    '/a/..%00/admin',
    '/a/..%252fadmin',
    '/a/..%20/admin',
    '/a/%2e%2E%09/admin',
  ])
    test(`P1: refuses the dot segment in ${path}`, () => {
      assert.equal(refusal(get(path)), 'target_invalid: dot segment in path')
    })

  for (const path of ['/.well-known/x', '/a.b/..c', '/...', '/a../b', '/api..', '/.a;b'])
    test(`admits ${path}, whose dots are a name`, () => {
      assert.equal(admitted(path).match, path)
    })

  for (const [raw, note] of [
    ['//evil.test/x', 'empty segment in path'],
    ['/a//b', 'empty segment in path'],
    ['/a/%2e//b', 'empty segment in path'],
    ['/\\evil.test/x', 'backslash in path'],
    ['/admin#/public', 'illegal character in path'],
    ['/a b', 'illegal character in path'],
    ['/caf\xe9', 'illegal character in path'],
    ['/a\tb', 'illegal character in path'],
    ['/a\x7f', 'illegal character in path'],
    ['/a?b#c', 'illegal character in query'],
    ['/a?\xe9', 'illegal character in query'],
    ['/a?b c', 'illegal character in query'],
    ['/a%', 'broken escape in path'],
    ['/a%2', 'broken escape in path'],
    ['/a%2%65', 'broken escape in path'],
    ['/a%u002e', 'broken escape in path'],
    ['/a/%c0%ae%C0%ae/', 'overlong UTF-8 in path'],
    ['/a/%c0.%C1./', 'overlong UTF-8 in path'],
    ['/a/%c0%2e%c0%2e/', 'overlong UTF-8 in path'],
    ['/a%c0%2fb', 'overlong UTF-8 in path'],
    ['/a%e0%80%af', 'overlong UTF-8 in path'],
    ['/a%f0%80%80%af', 'overlong UTF-8 in path'],
    ['/a/%f8%80%80%80%ae%F8%80%80%80%AE/', 'overlong UTF-8 in path'],
    ['/a%fc%80%80%80%80%af', 'overlong UTF-8 in path'],
    ['', 'neither origin-form nor absolute-form'],
    ['admin', 'neither origin-form nor absolute-form'],
    ['api.test:443', 'neither origin-form nor absolute-form'],
    ['?x', 'neither origin-form nor absolute-form'],
    ['ftp://api.test/', 'neither origin-form nor absolute-form'],
    ['http:http://internal/admin', 'neither origin-form nor absolute-form'],
    ['http:///admin', 'neither origin-form nor absolute-form'],
    ['http://evil/admin', 'absolute-form for another host'],
    ['http://api.test:81/admin', 'absolute-form for another host'],
    ['http://api.test@evil/', 'neither origin-form nor absolute-form'],
    ['http://user@api.test/', 'neither origin-form nor absolute-form'],
    ['http://api.test#@evil/', 'neither origin-form nor absolute-form'],
    ['http://api.test\\@evil/', 'neither origin-form nor absolute-form'],
    ['*', '`*` with another method than OPTIONS'],
  ] as const)
    test(`P5, P6, P9: refuses ${JSON.stringify(raw)}`, () => {
      assert.equal(refusal(get(raw)), `target_invalid: ${note}`)
    })

  test('admits an accent in UTF-8', () => {
    for (const path of ['/%C3%A0', '/%E0%A4%80', '/%F0%9F%98%80', '/%C2%80']) assert.equal(admitted(path).match, path)
  })

  test('takes an absolute form for the host in Host as the origin form', () => {
    assert.deepEqual(get('http://api.test/a?b'), get('/a?b'))
    assert.deepEqual(get('HTTPS://API.test'), get('/'))
    assert.deepEqual(get('http://api.test?x'), get('/?x'))
    assert.equal(refusal(get('http://api.test/../x')), 'target_invalid: dot segment in path')
    assert.equal(refusal(get('http://api.test//x')), 'target_invalid: empty segment in path')
  })

  test('takes `OPTIONS *`', () => {
    assert.deepEqual(parseTarget('OPTIONS', '*', 'api.test'), pass(asterisk))
  })
})

suite('parseOrigin', () => {
  test('P4: refuses what a rewrite made ambiguous', () => {
    for (const origin of ['', 'admin', '../admin', '/api/./..'])
      assert.equal(parseOrigin(origin).kind, 'deny', JSON.stringify(origin))
    assert.deepEqual(parseOrigin('../admin'), deny('target_invalid', 'illegal character in path'))
  })
})

// Pieces of which confusing targets are made.
const pieces = '/ . .. %2e %2E %2f %2F %5c \\ %00 %25 %252e %61 %c3%a9 %c0%ae ; %3b ? # a B ~ @ : // % %2 é \t'.split(
  ' ',
)
const anyTarget = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => `/${parts.join('')}`),
  fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((text) => `/${text}`),
  fc.webPath().filter((path) => path.startsWith('/')),
)

/** The oracle: decodes every unreserved escape until nothing changes, then looks at the segments. */
function settle(path: string): string {
  const once = path.replaceAll(/%([2-7][0-9a-f])/gi, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16))
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escape
  })
  return once === path ? path : settle(once)
}

suite('whatever target is admitted', () => {
  const admittedOnes = (check: (target: Target, raw: string) => void): void => {
    fc.assert(
      fc.property(anyTarget, (raw) => {
        const verdict = get(raw)
        if (verdict.kind === 'pass') check(verdict.value, raw)
      }),
      { numRuns: 2000 },
    )
  }

  test('is sent byte for byte', () => {
    admittedOnes((target, raw) => {
      assert.equal(target.origin, raw)
      assert.equal(target.path + target.query, raw)
    })
  })

  test('has no dot segment and no empty one after any number of decodings', () => {
    admittedOnes(({ path }) => {
      const segments = settle(path).split(/[/\\]|%2f|%5c/i)
      assert.ok(!segments.some((segment) => /^\.\.?$/.test(segment.split(/;|%3b/i)[0] ?? '')), path)
      assert.ok(!settle(path).includes('//'))
    })
  })

  test('means the same to a WHATWG URL parser', () => {
    admittedOnes(({ path, query, encoded }) => {
      if (encoded.length > 0) return
      const url = new URL(`http://api.test${path}${query}`)
      assert.equal(url.host, 'api.test')
      assert.equal(url.hash, '')
      assert.equal(url.pathname.split('/').length, path.split('/').length)
    })
  })

  test('is admitted again, with the same outcome', () => {
    admittedOnes((target) => {
      assert.deepEqual(parseOrigin(target.origin), pass(target))
      const again = parseOrigin(target.match + target.query)
      assert.equal(again.kind === 'pass' && again.value.match, target.match)
    })
  })

  test('is visible ASCII without a fragment', () => {
    admittedOnes(({ origin }) => assert.match(origin, /^[\x21\x22\x24-\x7e]+$/))
  })
})
