import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { parseOrigin, type Target } from '#request/target.ts'
import { paramsOf } from '#routing/endpoint.ts'
import { parsePattern } from '#routing/pattern.ts'
import { compileRewrite, type RewriteOptions, rewriteProblem } from '#routing/rewrite.ts'

function target(origin: string): Target {
  const parsed = parseOrigin(origin)
  assert.ok(parsed.kind === 'pass', origin)
  return parsed.value
}

/** What goes upstream for `origin` on a route of `path`, or the code of the refusal. */
function rewritten(path: string, options: Partial<RewriteOptions>, origin: string): string {
  const verdict = compileRewrite({ allow_encoded: [], ...options })(target(origin), paramsOf(path))
  return verdict.kind === 'pass' ? verdict.value.origin : verdict.code
}

suite('strip_prefix', () => {
  const rows: readonly (readonly [origin: string, outcome: string])[] = [
    ['/api', '/'],
    ['/api/', '/'],
    ['/api?x=1', '/?x=1'],
    ['/api/orders', '/orders'],
    ['/api/orders/?a=/b', '/orders/?a=/b'],
    ['/%61pi/%6frders', '/%6frders'],
    ['/api/api/x', '/api/x'],
    ['/api/caf%c3%a9/%2541', '/caf%c3%a9/%2541'],
  ]
  for (const [origin, outcome] of rows)
    test(`/api of ${origin} leaves ${outcome}`, () => {
      assert.equal(rewritten('/api/**', { strip_prefix: '/api' }, origin), outcome)
    })

  test('takes several segments', () => {
    assert.equal(rewritten('/api/v1/**', { strip_prefix: '/api/v1' }, '/api/v1/x'), '/x')
  })

  test('admits the outcome again', () => {
    const verdict = compileRewrite({ strip_prefix: '/api', allow_encoded: ['slash'] })(
      target('/api/a%2Fb'),
      paramsOf('/api/**'),
    )
    assert.ok(verdict.kind === 'pass')
    assert.deepEqual(verdict.value, {
      origin: '/a%2Fb',
      path: '/a%2Fb',
      match: '/a%2Fb',
      query: '',
      encoded: ['slash'],
    })
    assert.equal(rewritten('/api/**', { strip_prefix: '/api' }, '/api/a%2fb'), 'encoded_path')
    assert.equal(rewritten('/api/**', { strip_prefix: '/api' }, '/api/a;b'), 'encoded_path')
  })
})

suite('rewrite', () => {
  const rows: readonly (readonly [path: string, template: string, origin: string, outcome: string])[] = [
    ['/a', '/b', '/a?x=1', '/b?x=1'],
    ['/orders/{id}', '/v2/order/{id}', '/orders/7', '/v2/order/7'],
    ['/orders/{id}', '/{id}/orders', '/orders/a%20b', '/a%20b/orders'],
    ['/{a}/{b}', '/{b}/{a}', '/x/%79', '/%79/x'],
    ['/orders/**', '/v2/**', '/orders', '/v2'],
    ['/orders/**', '/v2/**', '/orders/', '/v2/'],
    ['/orders/**', '/v2/**', '/orders/x/y/?q', '/v2/x/y/?q'],
    ['/orders/**', '/**', '/orders', '/'],
    ['/orders/{id}/**', '/items/{id}/of/**', '/orders/7/a/b', '/items/7/of/a/b'],
    ['/a/**', '/%7Bx%7D', '/a/b', '/%7Bx%7D'],
  ]
  for (const [path, rewrite, origin, outcome] of rows)
    test(`${rewrite} makes ${outcome} of ${origin} on ${path}`, () => {
      assert.equal(rewritten(path, { rewrite }, origin), outcome)
    })

  test('does nothing when not asked to', () => {
    assert.equal(rewritten('/a', {}, '/a?b'), '/a?b')
  })

  test('refuses an outcome that admission would refuse', () => {
    const forged: Target = { origin: '/a/..', path: '/a/..', match: '/a/..', query: '', encoded: [] }
    const verdict = compileRewrite({ rewrite: '/x/{id}', allow_encoded: [] })(forged, paramsOf('/a/{id}'))
    assert.ok(verdict.kind === 'deny')
    assert.equal(verdict.code, 'target_invalid')
  })

  test('a template that does not parse is a defect', () => {
    assert.throws(() => compileRewrite({ rewrite: '/a//b', allow_encoded: [] }), RangeError)
  })

  test('never makes a path that admission refuses or that was not in the parts', () => {
    const piece = fc.constantFrom(
      'a',
      '..',
      '.',
      '%2e',
      '%2E%2e',
      '%2f',
      '%5c',
      ';',
      '%3b',
      '%00',
      'api',
      '%61pi',
      '%25',
      '@',
    )
    const segments = fc.array(
      fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join('')),
      { maxLength: 4 },
    )
    const options: readonly Partial<RewriteOptions>[] = [
      { strip_prefix: '/api' },
      { rewrite: '/**' },
      { rewrite: '/v2/**' },
    ]
    fc.assert(
      fc.property(segments, fc.constantFrom(...options), (segments, options) => {
        const admitted = parseOrigin(`/api/${segments.join('/')}`)
        fc.pre(admitted.kind === 'pass')
        const verdict = compileRewrite({ allow_encoded: ['slash', 'semicolon'], ...options })(
          admitted.value,
          paramsOf('/api/**'),
        )
        if (verdict.kind === 'deny') return
        const { origin, path } = verdict.value
        assert.equal(parseOrigin(origin).kind, 'pass')
        assert.ok(!/%5c|%00|\\/i.test(origin))
        assert.equal(path, `${options.rewrite === '/v2/**' ? '/v2' : ''}/${segments.join('/')}`)
        const resolved = new URL(`http://x${path.replaceAll(/%2f/gi, '/').replaceAll(/;[^/]*/g, '')}`).pathname
        assert.equal(
          resolved.split('/').length,
          path.split(/\/|%2f/i).length,
          'an upstream resolves no dot segment in it',
        )
      }),
      { numRuns: 2000 },
    )
  })
})

suite('rewriteProblem', () => {
  function problem(path: string, options: Partial<RewriteOptions>): string | undefined {
    const pattern = parsePattern(path)
    assert.ok(typeof pattern !== 'string')
    return rewriteProblem({ allow_encoded: [], ...options }, pattern)
  }

  test('has nothing against what fits the path', () => {
    assert.equal(problem('/a', {}), undefined)
    assert.equal(problem('/api/**', { strip_prefix: '/api' }), undefined)
    assert.equal(problem('/api/{id}', { strip_prefix: '/%61pi' }), undefined)
    assert.equal(problem('/a/{id}/**', { rewrite: '/b/{id}/**' }), undefined)
    assert.equal(problem('/a/{id}/**', { rewrite: '/' }), undefined)
    assert.equal(problem('/a', { rewrite: '/b;c', allow_encoded: ['semicolon'] }), undefined)
  })

  const wrong: readonly (readonly [path: string, options: Partial<RewriteOptions>, problem: RegExp])[] = [
    ['/api', { strip_prefix: '/api', rewrite: '/x' }, /exclude each other/],
    ['/api/**', { strip_prefix: 'api' }, /start with/],
    ['/api/**', { strip_prefix: '/api/' }, /not end with/],
    ['/api/**', { strip_prefix: '/' }, /not end with/],
    ['/api/**', { strip_prefix: '/ap' }, /begins with/],
    ['/api/**', { strip_prefix: '/api/v1' }, /begins with/],
    ['/{x}/**', { strip_prefix: '/{x}' }, /begins with/],
    ['/a', { rewrite: '/b//c' }, /never be requested/],
    ['/a', { rewrite: '/b;c' }, /semicolon/],
    ['/a', { rewrite: '/b/**' }, /does not end with/],
    ['/a/{id}', { rewrite: '/b/{other}' }, /\{other\}/],
  ]
  for (const [path, options, expected] of wrong)
    test(`refuses ${JSON.stringify(options)} on ${path}`, () => {
      assert.match(problem(path, options) ?? '', expected)
    })
})
