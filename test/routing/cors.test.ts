import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { z } from 'zod'

import { compileCors, corsOptions, corsResponseNames, isPreflight } from '#routing/cors.ts'

import { incoming } from '../support/incoming.ts'

function cors(written: z.input<typeof corsOptions>) {
  return compileCors(corsOptions.parse(written))
}

const from = (...origins: string[]) => incoming({ headers: origins.flatMap((origin) => ['Origin', origin]) })
const preflightFrom = (origin: string, method = 'PUT') =>
  incoming({ method: 'OPTIONS', headers: ['Origin', origin, 'Access-Control-Request-Method', method] })
const VARY = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'

suite('corsOptions', () => {
  test('fills in careful defaults', () => {
    assert.deepEqual(corsOptions.parse({ origins: ['https://app.test'] }), {
      origins: ['https://app.test'],
      headers: ['Authorization', 'Content-Type'],
      expose: [],
      credentials: false,
      max_age: 600_000,
    })
  })

  const wrong: readonly (readonly [what: string, written: object])[] = [
    ['no origins', {}],
    ['an empty list', { origins: [] }],
    ['an origin with a path', { origins: ['https://app.test/'] }],
    ['an origin in capitals', { origins: ['https://App.test'] }],
    ['an origin with its default port', { origins: ['https://app.test:443'] }],
    ['a host', { origins: ['app.test'] }],
    ['null', { origins: ['null'] }],
    ['another scheme', { origins: ['file:///x'] }],
    ['a pattern', { origins: ['https://*.app.test'] }],
    ['* beside others', { origins: ['*', 'https://app.test'] }],
    ['* with credentials', { origins: ['*'], credentials: true }],
    ['a method in lower case', { origins: ['*'], methods: ['get'] }],
    ['a header that is none', { origins: ['*'], headers: ['a b'] }],
    ['an exposed header that is none', { origins: ['*'], expose: ['*'] }],
    ['a max_age over a day', { origins: ['*'], max_age: '2d' }],
    ['an unknown key', { origins: ['*'], origin: '*' }],
  ]
  for (const [what, written] of wrong)
    test(`refuses ${what}`, () => {
      assert.equal(corsOptions.safeParse(written).success, false)
    })

  test('has a JSON Schema', () => {
    assert.equal(z.toJSONSchema(corsOptions, { io: 'input' }).type, 'object')
  })
})

suite('isPreflight', () => {
  test('is true only for OPTIONS with both headers', () => {
    assert.ok(isPreflight(preflightFrom('https://app.test')))
    assert.ok(!isPreflight(from('https://app.test')))
    assert.ok(!isPreflight(incoming({ method: 'OPTIONS', headers: ['Origin', 'https://app.test'] })))
    assert.ok(!isPreflight(incoming({ method: 'OPTIONS', headers: ['Access-Control-Request-Method', 'PUT'] })))
    assert.ok(!isPreflight({ ...preflightFrom('https://app.test'), method: 'GET' }))
  })
})

suite('preflight', () => {
  const route = cors({
    origins: ['https://app.test', 'https://other.test'],
    credentials: true,
    expose: ['X-Total'],
    headers: ['X-Token'],
    max_age: '90s',
  })

  test('tells a listed origin what it may send', () => {
    assert.deepEqual(route.preflight(preflightFrom('https://other.test'), ['GET', 'PUT']), {
      kind: 'pass',
      value: {
        'Access-Control-Allow-Origin': 'https://other.test',
        'Access-Control-Allow-Credentials': 'true',
        'Access-Control-Allow-Methods': 'GET, PUT',
        'Access-Control-Allow-Headers': 'X-Token',
        'Access-Control-Max-Age': '90',
        Vary: VARY,
      },
    })
  })

  test('refuses every other origin', () => {
    for (const origin of [
      'https://evil.test',
      'null',
      '',
      'https://app.test/',
      'HTTPS://app.test',
      'http://app.test',
      '__proto__',
    ]) {
      const verdict = route.preflight(preflightFrom(origin), ['PUT'])
      assert.ok(verdict.kind === 'deny', origin)
      assert.equal(verdict.code, 'origin_denied')
    }
    const twice = incoming({ method: 'OPTIONS', headers: ['Origin', 'https://app.test', 'Origin', 'https://app.test'] })
    assert.equal(route.preflight(twice, ['PUT']).kind, 'deny')
  })

  test('offers its own methods, else those of the route, else the one asked for', () => {
    const methodsOf = (written: Partial<z.input<typeof corsOptions>>, methods: readonly string[] | undefined) => {
      const verdict = cors({ origins: ['*'], ...written }).preflight(preflightFrom('https://x.test', 'PATCH'), methods)
      return verdict.kind === 'pass' ? verdict.value['Access-Control-Allow-Methods'] : verdict.code
    }
    assert.equal(methodsOf({ methods: ['GET'] }, ['PUT']), 'GET')
    assert.equal(methodsOf({}, ['PUT', 'PATCH']), 'PUT, PATCH')
    assert.equal(methodsOf({}, undefined), 'PATCH')
  })

  test('echoes nothing that is no method', () => {
    for (const method of ['', 'GET, PUT', '*', 'a'.repeat(33), '<script>']) {
      const verdict = cors({ origins: ['*'] }).preflight(preflightFrom('https://x.test', method), undefined)
      assert.ok(verdict.kind === 'deny')
      assert.equal(verdict.code, 'header_invalid')
    }
  })

  test('allows everybody with `*`, without credentials', () => {
    assert.deepEqual(cors({ origins: ['*'], headers: [] }).preflight(preflightFrom('https://x.test'), ['PUT']), {
      kind: 'pass',
      value: {
        'Access-Control-Allow-Origin': '*',
        'Access-Control-Allow-Methods': 'PUT',
        'Access-Control-Max-Age': '600',
        Vary: VARY,
      },
    })
  })
})

suite('responseHeaders', () => {
  const route = cors({ origins: ['https://app.test'], credentials: true, expose: ['X-Total', 'ETag'] })

  test('lets pages of a listed origin read the answer', () => {
    assert.deepEqual(route.responseHeaders(from('https://app.test')), {
      'Access-Control-Allow-Origin': 'https://app.test',
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Expose-Headers': 'X-Total, ETag',
      Vary: 'Origin',
    })
  })

  test('says to everybody else only that the origin matters', () => {
    for (const request of [
      from(),
      from('https://evil.test'),
      from('null'),
      from('https://app.test', 'https://app.test'),
    ])
      assert.deepEqual(route.responseHeaders(request), { Vary: 'Origin' })
  })

  test('says the same to all with `*`', () => {
    const open = cors({ origins: ['*'], expose: ['X-Total'] })
    for (const request of [from(), from('https://x.test'), from('null')])
      assert.deepEqual(open.responseHeaders(request), {
        'Access-Control-Allow-Origin': '*',
        'Access-Control-Expose-Headers': 'X-Total',
      })
  })

  test('lets cookies act only for origins listed with credentials', () => {
    assert.deepEqual(route.credentialed, ['https://app.test'])
    assert.deepEqual(cors({ origins: ['https://app.test'] }).credentialed, [])
    assert.deepEqual(cors({ origins: ['*'] }).credentialed, [])
  })

  test('replaces every header it sets', () => {
    const verdict = route.preflight(preflightFrom('https://app.test'), ['PUT'])
    assert.ok(verdict.kind === 'pass')
    const set = Object.keys({ ...verdict.value, ...route.responseHeaders(from('https://app.test')) })
    for (const name of set.filter((one) => one !== 'Vary'))
      assert.ok(corsResponseNames.includes(name.toLowerCase()), name)
  })
})
