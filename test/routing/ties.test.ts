import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import type { RouteRule } from '#routing/rule.ts'
import { defaultName, findTies } from '#routing/ties.ts'

type Rule = RouteRule<string>

function rules(...parts: readonly (Partial<Rule> & { path: string })[]): Rule[] {
  return parts.map((part, index) => ({ name: `r${index}`, allow_encoded: [], route: '', ...part }))
}

suite('findTies', () => {
  test('says which two routes, and what both match', () => {
    assert.deepEqual(
      findTies(
        rules(
          { path: '/a/{x}', methods: ['GET', 'PUT', 'POST'], host: '*.a.test' },
          { path: '/b' },
          { path: '/a/{y}', methods: ['POST', 'GET'], host: ['b.test', '*.A.test'] },
        ),
      ),
      [{ first: 0, second: 2, message: 'routes r0 and r2 both match GET, POST *.a.test/a/{y}' }],
    )
  })

  const tied: readonly (readonly [what: string, rules: Rule[]])[] = [
    ['the same path', rules({ path: '/a' }, { path: '/a' })],
    ['a parameter of another name', rules({ path: '/{a}' }, { path: '/{b}' })],
    ['a literal in another spelling', rules({ path: '/%61' }, { path: '/a' })],
    ['overlapping methods', rules({ path: '/a', methods: ['GET'] }, { path: '/a', methods: ['POST', 'GET'] })],
    [
      'conditions on different headers',
      rules({ path: '/a', headers: { v: '1' } }, { path: '/a', headers: { w: '1' } }),
    ],
    ['a header in another case', rules({ path: '/a', headers: { V: '1' } }, { path: '/a', headers: { v: '1' } })],
  ]
  for (const [what, both] of tied)
    test(`reports ${what}`, () => {
      assert.deepEqual(
        findTies(both).map(({ first, second }) => [first, second]),
        [[0, 1]],
      )
    })

  const decided: readonly (readonly [what: string, rules: Rule[]])[] = [
    ['another path', rules({ path: '/a' }, { path: '/a/' }, { path: '/{x}' }, { path: '/**' })],
    ['another host', rules({ path: '/a' }, { path: '/a', host: 'a.test' }, { path: '/a', host: '*.a.test' })],
    ['other methods', rules({ path: '/a', methods: ['GET'] }, { path: '/a', methods: ['HEAD'] }, { path: '/a' })],
    ['another value', rules({ path: '/a', headers: { v: '1' } }, { path: '/a', headers: { v: '2' } })],
    ['more conditions', rules({ path: '/a', headers: { v: '1' } }, { path: '/a', headers: { v: '1', w: '1' } })],
    [
      'a path or host that does not parse',
      rules({ path: 'a' }, { path: 'a' }, { path: '/a', host: '*' }, { path: '/a', host: '*' }),
    ],
  ]
  for (const [what, all] of decided)
    test(`has nothing against ${what}`, () => {
      assert.deepEqual(findTies(all), [])
    })

  test('reports a pair once, however many hosts it shares', () => {
    const hosts = ['a.test', 'b.test']
    assert.equal(findTies(rules({ path: '/a', host: hosts }, { path: '/a', host: hosts })).length, 1)
  })

  test('finds a pair exactly when some request fits both equally well', () => {
    const rule = fc.record({
      methods: fc.constantFrom(undefined, ['GET'], ['HEAD'], ['GET', 'POST']),
      headers: fc.constantFrom(undefined, { v: '1' }, { v: '2' }, { w: '1' }, { v: '1', w: '1' }),
    })
    const requests = ['GET', 'HEAD', 'POST', 'PUT'].flatMap((method) =>
      [undefined, '1', '2'].flatMap((v) => [undefined, '1'].map((w) => ({ method, headers: { v, w } }))),
    )
    const rank = (one: Rule, request: (typeof requests)[number]) => {
      const headers = Object.entries(one.headers ?? {})
      const carried: Readonly<Record<string, string | undefined>> = request.headers
      const fits =
        (one.methods?.includes(request.method) ?? true) && headers.every(([name, value]) => carried[name] === value)
      return fits ? (one.methods === undefined ? 0 : 100) + headers.length : undefined
    }
    fc.assert(
      fc.property(rule, rule, (first, second) => {
        const both = rules({ path: '/a', ...first }, { path: '/a', ...second })
        const [one, other] = both
        assert.ok(one !== undefined && other !== undefined)
        const tied = requests.some((request) => {
          const own = rank(one, request)
          return own !== undefined && own === rank(other, request)
        })
        assert.equal(findTies(both).length > 0, tied)
      }),
    )
  })
})

suite('defaultName', () => {
  test('joins methods, host, path and headers, so that routes without a tie have different names', () => {
    assert.equal(defaultName({ path: '/a/**' }), '/a/**')
    assert.equal(defaultName({ path: '/a/**', methods: ['GET'] }), 'GET /a/**')
    assert.equal(defaultName({ path: '/a', headers: { 'X-Version': '2', Beta: 'yes' } }), '/a X-Version=2 Beta=yes')
    assert.equal(defaultName({ path: '/a/**', methods: ['GET'], host: 'api.example.com' }), 'GET api.example.com/a/**')
    assert.equal(
      defaultName({ path: '/a', methods: ['GET', 'PUT'], host: ['a.test', 'b.test'] }),
      'GET,PUT a.test,b.test/a',
    )
  })
})
