import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { suite, test } from 'node:test'

import { disk, printOf, UNREADABLE } from '#config/files.ts'
import { loadConfig } from '#config/load.ts'

import { good, load, problemsOf } from './world.ts'

const root = join(import.meta.dirname, '../..')
const head = `version: 1
upstreams: { orders: "http://127.0.0.1:3000", reports: "http://127.0.0.1:3001" }
authenticators: { acme: { jwt: { issuer: "https://id.acme.test", audience: orders-api } } }
limits: { per-client: { allow: 9/s, by: client }, per-user: { allow: 5/10s, by: subject } }
`

suite('loading', () => {
  for (const file of ['heimdall.yaml', ...globSync('config/*.yaml', { cwd: root })])
    test(`finds nothing wrong with ${file}, wherever it is started`, () => {
      const loaded = loadConfig(join(root, file), { ...disk, env: {} })
      assert.ok('config' in loaded, 'problems' in loaded ? JSON.stringify(loaded.problems) : '')
      assert.deepEqual(loaded.warnings, [])
    })

  test('fills in every default', () => {
    const config = good(`${head}routes: [{ path: /a, upstream: orders, authenticate: [acme] }]`)
    assert.deepEqual(config.listen, { host: '0.0.0.0', port: 8080 })
    assert.deepEqual(config.probes, { host: '0.0.0.0', port: 9091 })
    assert.equal(config.admin, undefined)
    assert.equal(config.grace, 25_000)
    assert.deepEqual(config.stores, {})
    assert.deepEqual(config.routes, [
      {
        name: '/a',
        path: '/a',
        upstream: 'orders',
        public: false,
        optional: false,
        authenticate: ['acme'],
        limits: [],
        mode: 'enforce',
        when_stale: 'deny',
        forward_credential: false,
        max_body: 10 * 1024 ** 2,
        pace: { at_least: 500, slack: 20_000 },
        deny_clients: [],
        allow_encoded: [],
        websocket: true,
        source: { file: 'heimdall.yaml', line: 5 },
      },
    ])
  })

  test('takes the pace of clients from the route, the defaults or itself', () => {
    const config = good(`${head}
defaults: { upstream: orders, authenticate: [acme], pace: { at_least: 1KiB/s } }
routes:
  - { path: /a }
  - { path: /b, pace: { slack: 1m } }
  - { path: /c, pace: off }
`)
    assert.deepEqual(
      config.routes.map(({ pace }) => pace),
      [{ at_least: 1024, slack: 20_000 }, { at_least: 500, slack: 60_000 }, undefined],
    )
  })

  test('says that a file is not there', () => {
    const loaded = loadConfig('absent.yaml', { ...disk, env: {} })
    assert.deepEqual('problems' in loaded && loaded.problems, [
      { file: 'absent.yaml', line: 0, column: 0, path: '', message: 'cannot be read: there is no such file' },
    ])
    assert.deepEqual([...loaded.sources.values()], [UNREADABLE])
  })

  test('checks a thousand routes well under a second', () => {
    const routes = Array.from({ length: 1000 }, (_, index) =>
      [
        '',
        `  - name: r${index}`,
        `    path: /r${index}/{id}`,
        '    upstream: orders',
        '    require: { roles: [a] }',
      ].join('\n'),
    )
    const started = performance.now()
    const config = good(`${head}defaults: { authenticate: [acme] }\nroutes:${routes.join('')}`)
    const took = performance.now() - started
    assert.equal(config.routes.length, 1000)
    assert.ok(took < 1000, `${took} ms`)
  })
})

suite('defaults', () => {
  const route = (defaults: string, keys: string) =>
    good(`${head}defaults: { upstream: orders, authenticate: [acme], ${defaults} }\nroutes: [{ path: /a, ${keys} }]`)
      .routes[0]
  const limitNames = (defaults: string, keys: string) => route(defaults, keys)?.limits.map(({ name }) => name)

  test('give way to the keys of the route, whole', () => {
    const limits = 'limits: [per-client, per-user]'
    assert.equal(route('', 'upstream: reports')?.upstream, 'reports')
    assert.deepEqual(limitNames(limits, 'name: a'), ['per-client', 'per-user'])
    assert.deepEqual(limitNames(limits, 'limits: [per-user]'), ['per-user'])
    assert.deepEqual(limitNames(limits, 'limits: []'), [])
    assert.deepEqual(route('require: { roles: [a] }', 'require: { scopes: [b] }')?.require, { scopes: ['b'] })
  })

  test('that need an identity do not reach public routes', () => {
    const open = route('limits: [per-client, per-user], require: { roles: [a] }', 'public: true')
    assert.deepEqual(
      open?.limits.map(({ name }) => name),
      ['per-client'],
    )
    assert.deepEqual(open.authenticate, [])
    assert.equal(open.require, undefined)
  })

  test('do not require anything on optional routes', () => {
    const optional = route('require: { roles: [a] }', 'optional: true')
    assert.equal(optional?.require, undefined)
    assert.deepEqual(optional?.authenticate, ['acme'])
  })

  test('name limits written in place after the place', () => {
    assert.deepEqual(limitNames('limits: [{ allow: 1/s, by: client }]', 'name: a'), ['defaults:0'])
    assert.deepEqual(limitNames('', 'name: a, limits: [per-user, { allow: 1/s, by: client }]'), ['per-user', 'a:1'])
  })

  test('turn `serve` into a longest age', () => {
    assert.deepEqual(route('', 'when_stale: serve')?.when_stale, { serve_for: 60_000 })
    assert.deepEqual(route('when_stale: { serve: 10m }', 'name: a')?.when_stale, { serve_for: 600_000 })
    assert.equal(route('when_stale: serve', 'when_stale: deny')?.when_stale, 'deny')
  })
})

suite('names of routes', () => {
  const nameOf = (keys: string) =>
    good(`${head}routes: [{ ${keys}, path: /a/**, upstream: orders, public: true }]`).routes[0]?.name

  test('are made of methods, host and path', () => {
    assert.equal(nameOf('name: mine'), 'mine')
    assert.equal(nameOf('methods: [GET, POST], host: api.acme.test'), 'GET,POST api.acme.test/a/**')
  })
})

suite('placeholders', () => {
  const body = 'routes: [{ path: /a, upstream: orders, public: "${PUBLIC}" }]'

  test('are numbers and booleans only where the schema wants them', () => {
    const text = `version: 1
upstreams: { orders: { targets: ["http://127.0.0.1:\${PORT}"], connections: "\${PORT}" } }
authenticators: { acme: { jwt: { issuer: "https://id.acme.test", audience: "\${PORT}" } } }
${body}`
    const config = good(text, { PORT: '3000', PUBLIC: 'true' })
    assert.equal(config.upstreams['orders']?.connections, 3000)
    assert.deepEqual(config.authenticators['acme']?.jwt?.audience, ['3000'])
    assert.equal(config.routes[0]?.public, true)
  })

  test('cannot add to the file', () => {
    const problems = problemsOf(`${head}${body}`, { PUBLIC: 'true }, { path: /b, upstream: orders, public: true' })
    assert.deepEqual(problems, ['routes[0].public: must be true or false'])
  })

  test('leave numbers written as text alone', () => {
    assert.deepEqual(problemsOf(`${head}routes: [{ path: /a, upstream: orders, public: "true" }]`), [
      'routes[0].public: must be true or false',
    ])
  })
})

suite('overrides', () => {
  const text = `${head}listen: 127.0.0.1:1\nroutes: [{ path: /a, upstream: orders, public: true }]`

  test('replace the top-level scalars', () => {
    const config = good(text, {
      HEIMDALL_LISTEN: '127.0.0.1:2',
      HEIMDALL_PROBES: '127.0.0.1:3',
      HEIMDALL_ADMIN: '127.0.0.1:4',
      HEIMDALL_GRACE: '1s',
      HEIMDALL_WORKERS: '3',
    })
    assert.deepEqual([config.listen.port, config.probes.port, config.admin?.port], [2, 3, 4])
    assert.deepEqual([config.grace, config.workers], [1000, 3])
  })

  test('that are empty change nothing', () => {
    assert.equal(good(text, { HEIMDALL_LISTEN: '' }).listen.port, 1)
  })

  test('that are wrong are named, not shown', () => {
    const loaded = load(text, { HEIMDALL_GRACE: 'hunter2', HEIMDALL_WORKERS: 'four' })
    assert.deepEqual('problems' in loaded && loaded.problems, [
      {
        file: 'HEIMDALL_GRACE',
        line: 0,
        column: 0,
        path: 'grace',
        message: 'must be a duration such as 250ms, 30s, 5m or 1h',
      },
      {
        file: 'HEIMDALL_WORKERS',
        line: 0,
        column: 0,
        path: 'workers',
        message: 'must be a number from 1 to 256, or auto',
      },
    ])
  })
})

suite('included files', () => {
  const more = (name: string) => `routes: [{ name: ${name}, path: /${name}, upstream: orders, public: true }]`
  const main = `${head}include: ["teams/*.yaml", extra.yaml]\n${more('main')}`
  const files = {
    'teams/b.yaml': more('b'),
    'teams/a.yaml': more('a'),
    'teams/.hidden.yaml': '[',
    'extra.yaml': more('extra'),
  }

  test('add their routes in the order of patterns and names', () => {
    const { routes } = good(main, {}, files)
    assert.deepEqual(
      routes.map(({ name }) => name),
      ['main', 'a', 'b', 'extra'],
    )
    assert.deepEqual(
      routes.map(({ source }) => source.file),
      ['heimdall.yaml', 'teams/a.yaml', 'teams/b.yaml', 'extra.yaml'],
    )
  })

  test('may be all the routes there are', () => {
    assert.equal(good(`${head}include: [extra.yaml]`, {}, files).routes.length, 1)
  })

  test('replace placeholders like the main one', () => {
    const routes = 'routes: [{ name: "${NAME}", path: /x, upstream: orders, public: "${PUBLIC}" }]'
    const config = good(main, { NAME: 'put-in', PUBLIC: 'true' }, { ...files, 'teams/c.yaml': routes })
    assert.equal(config.routes[3]?.name, 'put-in')
    assert.equal(config.routes[3]?.public, true)
  })

  test('are among the sources, and so is the folder of a pattern', () => {
    const { sources } = load(main, {}, files)
    const paths = ['heimdall.yaml', 'teams', 'teams/a.yaml', 'teams/b.yaml', 'extra.yaml'].map((path) => resolve(path))
    assert.deepEqual([...sources.keys()].toSorted(), paths.toSorted())
    assert.equal(sources.get(resolve('heimdall.yaml')), printOf(main))
  })
})

suite('paths of files', () => {
  test('start at the folder of the file', () => {
    const text = `version: 1
stores: { postgres: "embedded:data" }
upstreams: { orders: "http://127.0.0.1:3000" }
authenticators: { acme: { jwt: { issuer: acme, audience: x, jwks_file: keys/jwks.json } } }
routes: [{ path: /a, upstream: orders, authenticate: [acme] }]`
    const loaded = loadConfig('etc/heimdall.yaml', { env: {}, readFile: () => text, listFolder: () => [] })
    assert.ok('config' in loaded)
    const folder = dirname(resolve('etc/heimdall.yaml'))
    assert.equal(loaded.config.stores.postgres, `embedded:${folder}/data`)
    assert.equal(loaded.config.authenticators['acme']?.jwt?.jwks_file, `${folder}/keys/jwks.json`)
  })
})
