import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import type { Incoming, RawRequest } from '#request/incoming.ts'
import { match, matchPreflight } from '#routing/match.ts'
import { parsePattern } from '#routing/pattern.ts'
import type { RouteRule } from '#routing/rule.ts'
import { buildTable, type PathNode, type Table } from '#routing/table.ts'

import { incoming } from '../support/incoming.ts'

type Rule = RouteRule<string>

/** A rule whose route is its name, which is its path unless told otherwise. */
function rule(path: string, part: Partial<Rule> = {}): Rule {
  const name = part.name ?? path
  return { path, allow_encoded: [], ...part, name, route: name }
}

function at(host: string, url: string, part: Partial<RawRequest> = {}): Incoming {
  return { ...incoming({ url, ...part }), host, authority: host }
}

/** The route that answers, or the code of the refusal. */
function answer(table: Table<string>, request: Incoming): string {
  const verdict = match(table, request)
  return verdict.kind === 'pass' ? verdict.value.route : verdict.code
}

function tableOf(...rules: readonly (string | Rule)[]): Table<string> {
  return buildTable(rules.map((one) => (typeof one === 'string' ? rule(one) : one)))
}

suite('match, path', () => {
  const table = tableOf(
    '/',
    '/orders',
    '/orders/**',
    '/orders/new',
    '/orders/{id}',
    '/orders/{id}/items',
    '/orders/{id}/items/**',
    '/slash/',
    '/a/b/c',
    '/a/{x}/d',
    '/{x}/b/e',
    '/deep/{x}/y/**',
    '/deep/x/{y}/z',
  )
  const rows: readonly (readonly [url: string, route: string])[] = [
    ['/', '/'],
    ['/?x=/orders', '/'],
    ['/orders', '/orders'],
    ['/orders?a=1', '/orders'],
    ['/orders/', '/orders/**'],
    ['/orders/new', '/orders/new'],
    ['/orders/7', '/orders/{id}'],
    ['/orders/7/', '/orders/**'],
    ['/orders/7/items', '/orders/{id}/items'],
    ['/orders/7/items/', '/orders/{id}/items/**'],
    ['/orders/7/items/1/2', '/orders/{id}/items/**'],
    ['/orders/new/items', '/orders/{id}/items'],
    ['/orders/7/other', '/orders/**'],
    ['/Orders', 'route_unknown'],
    ['/ordersx', 'route_unknown'],
    ['/slash', 'route_unknown'],
    ['/slash/', '/slash/'],
    ['/a/b/c', '/a/b/c'],
    ['/a/b/d', '/a/{x}/d'],
    ['/a/b/e', '/{x}/b/e'],
    ['/a/b/f', 'route_unknown'],
    ['/deep/x/y/z', '/deep/x/{y}/z'],
    ['/deep/x/y/w', '/deep/{x}/y/**'],
    ['/deep/x/y', '/deep/{x}/y/**'],
  ]
  for (const [url, route] of rows)
    test(`${url} meets ${route}`, () => {
      assert.equal(answer(table, incoming({ url })), route)
    })

  test('a rest matches zero segments, an empty one, and any number', () => {
    const table = tableOf('/orders/**')
    for (const url of ['/orders', '/orders/', '/orders/x', '/orders/x/', '/orders/x/y/z'])
      assert.equal(answer(table, incoming({ url })), '/orders/**', url)
    for (const url of ['/', '/order', '/orders2', '/x/orders'])
      assert.equal(answer(table, incoming({ url })), 'route_unknown', url)
  })

  test('a parameter is never empty', () => {
    const table = tableOf('/a/{id}', '/a/{id}/b')
    assert.equal(answer(table, incoming({ url: '/a/' })), 'route_unknown')
    assert.equal(answer(table, incoming({ url: '/a/x' })), '/a/{id}')
  })

  test('spelling a literal with escapes leads to the same route', () => {
    const table = tableOf('/admin', '/@me', '/caf%C3%A9', '/**')
    for (const url of ['/admin', '/%61dmin', '/%61%64%6D%69%6e'])
      assert.equal(answer(table, incoming({ url })), '/admin')
    for (const url of ['/@me', '/%40me', '/%40%6de']) assert.equal(answer(table, incoming({ url })), '/@me')
    for (const url of ['/caf%c3%a9', '/caf%C3%a9']) assert.equal(answer(table, incoming({ url })), '/caf%C3%A9')
    assert.equal(answer(table, incoming({ url: '/%2561dmin' })), '/**')
  })

  test('`OPTIONS *` meets no route, not even one of every path', () => {
    assert.equal(answer(tableOf('/**', '/{x}'), incoming({ method: 'OPTIONS', url: '*' })), 'route_unknown')
  })

  test('an empty table knows no route', () => {
    assert.equal(answer(tableOf(), incoming()), 'route_unknown')
  })

  test('tells where the parameters of the path stand', () => {
    const verdict = match(tableOf('/a/{x}/b/{y}/**'), incoming({ url: '/a/1/b/2/3/4' }))
    assert.ok(verdict.kind === 'pass')
    assert.deepEqual(verdict.value.params, {
      names: new Map([
        ['x', 1],
        ['y', 3],
      ]),
      rest: 4,
    })
  })

  test('a pattern that does not parse is a defect', () => {
    assert.throws(() => tableOf('/a//b'), RangeError)
    assert.throws(() => tableOf(rule('/a', { host: 'a:1' })), RangeError)
  })
})

suite('match, host', () => {
  const table = tableOf(
    rule('/**', { name: 'any' }),
    rule('/only-any', { name: 'only any' }),
    rule('/x', { name: 'exact', host: 'api.example.com' }),
    rule('/**', { name: 'long wildcard', host: '*.eu.example.com' }),
    rule('/w', { name: 'wildcard', host: '*.Example.com' }),
    rule('/x', { name: 'two', host: ['one.test', 'TWO.test', 'two.test.'] }),
    rule('/x', { name: 'six', host: '[::1]' }),
  )
  const rows: readonly (readonly [host: string, url: string, route: string])[] = [
    ['api.example.com', '/x', 'exact'],
    ['api.example.com', '/w', 'wildcard'],
    ['api.example.com', '/y', 'any'],
    ['a.b.example.com', '/w', 'wildcard'],
    ['example.com', '/w', 'any'],
    ['a.eu.example.com', '/w', 'long wildcard'],
    ['eu.example.com', '/w', 'wildcard'],
    ['notexample.com', '/w', 'any'],
    ['one.test', '/x', 'two'],
    ['two.test', '/x', 'two'],
    ['[::1]', '/x', 'six'],
    ['x', '/only-any', 'only any'],
    [`${'a.'.repeat(200)}example.com`, '/w', 'any'],
  ]
  for (const [host, url, route] of rows)
    test(`${host.slice(0, 40)}${url} meets ${route}`, () => {
      assert.equal(answer(table, at(host, url)), route)
    })

  test('a path that is known to a host is not asked of the next', () => {
    const table = tableOf(rule('/x', { name: 'here', host: 'a.test', methods: ['POST'] }), rule('/x', { name: 'any' }))
    assert.equal(answer(table, at('a.test', '/x')), 'method_not_allowed')
  })

  test('a host of nothing but dots costs no more than its length', () => {
    assert.equal(answer(table, at('.'.repeat(8000), '/only-any')), 'only any')
  })
})

suite('match, method and headers', () => {
  test('explicit methods go before any method', () => {
    const table = tableOf(rule('/x', { name: 'any' }), rule('/x', { name: 'read', methods: ['GET'] }))
    assert.equal(answer(table, incoming({ url: '/x' })), 'read')
    assert.equal(answer(table, incoming({ url: '/x', method: 'POST' })), 'any')
  })

  test('GET answers HEAD, unless HEAD is claimed', () => {
    const head = incoming({ url: '/x', method: 'HEAD' })
    const read = rule('/x', { name: 'read', methods: ['GET'] })
    assert.equal(answer(tableOf(read, rule('/x', { name: 'any' })), head), 'read')
    assert.equal(answer(tableOf(read, rule('/x', { name: 'head', methods: ['HEAD', 'POST'] })), head), 'head')
    assert.equal(answer(tableOf(rule('/x', { name: 'write', methods: ['POST'] })), head), 'method_not_allowed')
  })

  test('a method that no route of the path takes is told what would be', () => {
    const table = tableOf(
      rule('/x', { name: 'write', methods: ['POST', 'DELETE'] }),
      rule('/x', { name: 'read', methods: ['GET'] }),
      '/**',
    )
    const verdict = match(table, incoming({ url: '/x', method: 'PUT' }))
    assert.ok(verdict.kind === 'deny')
    assert.equal(verdict.code, 'method_not_allowed')
    assert.deepEqual(verdict.headers, { Allow: 'DELETE, GET, HEAD, POST' })
  })

  test('methods are compared as they are: `get` is another', () => {
    const table = tableOf(rule('/x', { methods: ['GET'] }))
    assert.equal(answer(table, incoming({ url: '/x', method: 'get' })), 'method_not_allowed')
  })

  const versions = tableOf(
    rule('/x', { name: 'v1', headers: { 'X-Version': '1' } }),
    rule('/x', { name: 'v2', headers: { 'X-Version': '2' } }),
    rule('/x', { name: 'v2 beta', headers: { 'X-Version': '2', 'X-Beta': 'yes' } }),
    '/**',
  )
  const rows: readonly (readonly [headers: string[], route: string])[] = [
    [['x-version', '1'], 'v1'],
    [['X-VERSION', '2'], 'v2'],
    [['X-Version', '2', 'X-Beta', 'yes'], 'v2 beta'],
    [['X-Version', '2', 'X-Beta', 'no'], 'v2'],
    [['X-Version', '3'], 'route_unknown'],
    [['X-Beta', 'yes'], 'route_unknown'],
    [[], 'route_unknown'],
    [['X-Version', '1', 'X-Version', '2'], 'route_unknown'],
    [['X-Version', '1', 'X-Version', '1'], 'route_unknown'],
    [['X-Version', '1, 2'], 'route_unknown'],
  ]
  for (const [headers, route] of rows)
    test(`${headers.join(' ') || 'no header'} meets ${route}`, () => {
      assert.equal(answer(versions, incoming({ url: '/x', headers })), route)
    })

  test('without its headers an explicit method leaves the request to any method of the same path', () => {
    const table = tableOf(
      rule('/x', { name: 'beta', methods: ['GET'], headers: { Beta: '1' } }),
      rule('/x', { name: 'any' }),
    )
    assert.equal(answer(table, incoming({ url: '/x' })), 'any')
    assert.equal(answer(table, incoming({ url: '/x', headers: ['beta', '1'] })), 'beta')
  })
})

suite('match, encoded parts', () => {
  const table = tableOf(rule('/files/**', { allow_encoded: ['slash'] }), '/**')
  const rows: readonly (readonly [url: string, route: string])[] = [
    ['/files/a%2fb', '/files/**'],
    ['/files/a%2Fb', '/files/**'],
    ['/files/a%2fb;c', 'encoded_path'],
    ['/files/a%5cb', 'encoded_path'],
    ['/files/a%00', 'encoded_path'],
    ['/a%2fb', 'encoded_path'],
    ['/files%2fa', 'encoded_path'],
    ['/a;b', 'encoded_path'],
    ['/a%3bb', 'encoded_path'],
  ]
  for (const [url, route] of rows)
    test(`${url} meets ${route}`, () => {
      assert.equal(answer(table, incoming({ url })), route)
    })
})

suite('matchPreflight', () => {
  const table = tableOf(
    rule('/x', { name: 'read', methods: ['GET'] }),
    rule('/x', { name: 'write', methods: ['PUT'] }),
    rule('/v', { name: 'v1', headers: { 'X-Version': '1' } }),
    rule('/v', { name: 'plain' }),
  )
  const preflight = (url: string, method: string, ...headers: string[]) =>
    incoming({ url, method: 'OPTIONS', headers: ['Access-Control-Request-Method', method, ...headers] })
  const found = (request: Incoming) => {
    const verdict = matchPreflight(table, request)
    return verdict.kind === 'pass' ? verdict.value.route : verdict.code
  }

  test('finds the route of the announced method', () => {
    assert.equal(found(preflight('/x', 'GET')), 'read')
    assert.equal(found(preflight('/x', 'PUT')), 'write')
    assert.equal(found(preflight('/x', 'DELETE')), 'method_not_allowed')
    assert.equal(found(preflight('/y', 'GET')), 'route_unknown')
    assert.equal(found(incoming({ url: '/x', method: 'OPTIONS' })), 'method_not_allowed')
  })

  test('takes an announced header for a met condition', () => {
    assert.equal(found(preflight('/v', 'GET', 'Access-Control-Request-Headers', 'authorization, x-version')), 'v1')
    assert.equal(found(preflight('/v', 'GET')), 'plain')
  })
})

suite('match, any set of rules', () => {
  const segment = fc.constantFrom('a', 'b', 'c', '{p}', '{q}', '{r}')
  const path = fc
    .tuple(fc.uniqueArray(segment, { maxLength: 5 }), fc.constantFrom('', '/', '/**'))
    .map(([segments, end]) => `/${segments.join('/')}${end}`.replace('//', '/'))
  const url = fc
    .tuple(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 6 }), fc.boolean())
    .map(([segments, slash]) => `/${segments.join('/')}${slash && segments.length > 0 ? '/' : ''}`)

  /** Rank of a pattern that matches, least first: literal or end, parameter, rest. */
  function rank(pattern: string, path: string): string | undefined {
    const expression = pattern.replaceAll(/\{\w+\}/g, '[^/]+').replace(/\/\*\*$/, '(?:/.*)?')
    if (!new RegExp(`^${expression}$`).test(path)) return undefined
    const marks = pattern
      .slice(1)
      .split('/')
      .map((one) => (one === '**' ? '2' : one.startsWith('{') ? '1' : '0'))
    return `${marks.join('')}0`
  }

  test('the most specific path that matches answers, as a search of all patterns finds it', () => {
    fc.assert(
      fc.property(fc.array(path, { maxLength: 12 }), url, (patterns, path) => {
        const [best] = patterns
          .flatMap((pattern) => ({ pattern, rank: rank(pattern, path) }) as const)
          .filter((one) => one.rank !== undefined)
          .sort((a, b) => ((a.rank ?? '') < (b.rank ?? '') ? -1 : 1))
        const verdict = match(tableOf(...patterns), incoming({ url: path }))
        if (best === undefined) assert.equal(verdict.kind, 'deny')
        else {
          assert.ok(verdict.kind === 'pass')
          assert.equal(rank(verdict.value.route, path), best.rank)
        }
      }),
      { numRuns: 2000 },
    )
  })

  const ruleSet = fc
    .array(
      fc.record({
        path: fc.constantFrom('/a', '/{p}', '/{q}', '/**', '/a/**'),
        host: fc.constantFrom(undefined, 'x.test', '*.test', ['x.test', 'y.x.test']),
        methods: fc.constantFrom(undefined, ['GET'], ['HEAD'], ['GET', 'POST']),
        headers: fc.constantFrom(undefined, { v: '1' }, { v: '2' }, { w: '1' }, { v: '1', w: '1' }),
      }),
      { minLength: 1, maxLength: 10 },
    )
    .map((parts) => parts.map((part, index) => rule(part.path, { ...part, name: `r${index}` })))
  const request = fc
    .record({
      host: fc.constantFrom('x.test', 'y.x.test', 'z.test', 'other'),
      url: fc.constantFrom('/a', '/b', '/a/b', '/a/'),
      method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT'),
      headers: fc.subarray(['v', 'w']).map((names) => names.flatMap((name) => [name, '1'])),
    })
    .map(({ host, url, ...part }) => at(host, url, part))

  test('the order of the rules never matters', () => {
    const shuffled = ruleSet.chain((rules) =>
      fc.tuple(fc.constant(rules), fc.shuffledSubarray(rules, { minLength: rules.length })),
    )
    fc.assert(
      fc.property(shuffled, request, ([rules, others], request) => {
        assert.deepEqual(match(buildTable(others), request), match(buildTable(rules), request))
      }),
      { numRuns: 2000 },
    )
  })

  test('a rule on a less specific path never changes what a more specific one answers', () => {
    fc.assert(
      fc.property(ruleSet, request, (rules, request) => {
        const specific = rules.filter((one) => one.host === undefined && one.path === '/a')
        const wider = rules.filter((one) => one.host === undefined && one.path !== '/a')
        const here = { ...request, target: incoming({ url: '/a' }).target }
        fc.pre(specific.length > 0)
        assert.deepEqual(match(buildTable([...specific, ...wider]), here), match(buildTable(specific), here))
      }),
    )
  })
})

suite('match, cost', () => {
  /** Every way to write ten segments as `a` or as a parameter, each ending in a literal that no request has. */
  const DEPTH = 10
  const bushy = tableOf(
    ...Array.from({ length: 2 ** DEPTH }, (_, bits) => {
      const segments = Array.from({ length: DEPTH }, (_, level) => ((bits >> level) % 2 === 0 ? 'a' : `{p${level}}`))
      return `/${segments.join('/')}/end`
    }),
  )

  function countVisits(table: Table<string>, run: () => void): { visits: number; nodes: number } {
    let visits = 0
    let nodes = 0
    const watch = (node: PathNode<string>): void => {
      nodes += 1
      const known = new Map(node.literals)
      node.literals.get = (key) => {
        visits += 1
        return known.get(key)
      }
      for (const child of [...node.literals.values(), ...(node.param === undefined ? [] : [node.param])]) watch(child)
    }
    watch(table.any)
    run()
    return { visits, nodes }
  }

  test('a hostile path visits no node of the table twice', () => {
    const request = incoming({ url: `/${Array.from({ length: 200 }, () => 'a').join('/')}` })
    const { visits, nodes } = countVisits(bushy, () => match(bushy, request))
    assert.ok(visits <= nodes, `${visits} visits of ${nodes} nodes`)
  })

  test('a path of 2000 segments takes no longer than one of 200', () => {
    const table = tableOf('/a/{x}/a/{y}/a/{z}/end', '/{x}/a/{y}/a/{z}/a/end', '/a/**')
    const time = (segments: number) => {
      const request = incoming({ url: `/${Array.from({ length: segments }, () => 'a').join('/')}` })
      const start = performance.now()
      for (let round = 0; round < 20_000; round++) match(table, request)
      return performance.now() - start
    }
    time(200) // warms up
    const ratio = Math.min(...[1, 2, 3].map(() => time(2000) / time(200)))
    assert.ok(ratio < 3, `takes ${ratio.toFixed(1)} times as long`)
  })

  test('parsing is linear in the pattern', () => {
    const start = performance.now()
    assert.ok(typeof parsePattern(`/${'a/'.repeat(50_000)}**`) !== 'string')
    assert.ok(performance.now() - start < 2000)
  })
})
