/**
 * Which route answers, and what becomes of the path.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

suite('routing', () => {
  const keep = keeper()
  const services: Record<string, Upstream> = {}
  let gateway: TestGateway

  before(async () => {
    for (const name of ['web', 'api', 'admin', 'v1', 'v2', 'tenant', 'extra'])
      services[name] = keep(await startUpstream(fixed(200, name)))
    const upstreams = Object.entries(services).map(([name, { url }]) => `  ${name}: ${url}`)
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
accept_risk: [public_by_default]
upstreams:
${upstreams.join('\n')}
routes:
  - { path: /**, public: true, upstream: web, methods: [GET] }
  - { path: /api/**, public: true, upstream: api, methods: [GET, POST] }
  - { path: /api/admin/**, public: true, upstream: admin, methods: [POST] }
  - { path: "/users/{id}", public: true, upstream: api }
  - { path: "/users/me", public: true, upstream: admin }
  - { path: /versioned, public: true, upstream: v1, headers: { X-Api-Version: "1" } }
  - { path: /versioned, public: true, upstream: v2, headers: { X-Api-Version: "2" } }
  - { path: /**, host: tenant.test, public: true, upstream: tenant }
  - { path: /**, host: "*.apps.test", public: true, upstream: extra }
  - { path: /stripped/**, public: true, upstream: api, strip_prefix: /stripped }
  - { path: "/old/{id}/**", public: true, upstream: api, rewrite: "/new/{id}/items/**" }
  - { path: /office, public: true, upstream: api, allow_clients: [10.0.0.0/8] }
  - { path: /banned, public: true, upstream: api, deny_clients: [127.0.0.1] }
`),
    )
  })

  /** Name of the service that answered, or the refusal. */
  const answers = async (line: string, headers: Record<string, string> = {}): Promise<string> => {
    const response = await ask(gateway, line, headers)
    return response.status === 200 ? response.text : outcomeOf(response)
  }

  test('the most specific path picks, whatever the order', async () => {
    assert.equal(await answers('GET /'), 'web')
    assert.equal(await answers('GET /api/orders'), 'api')
    assert.equal(await answers('POST /api/admin/users'), 'admin')
    assert.equal(await answers('GET /users/me'), 'admin')
    assert.equal(await answers('GET /users/7'), 'api')
  })

  test('never falls back to a less specific path', async () => {
    const response = await ask(gateway, 'GET /api/admin/users')
    assert.equal(outcomeOf(response), '405 method_not_allowed')
    assert.equal(response.header('allow'), 'POST')
  })

  test('a path that no method fits is 405 and names those that do; GET answers HEAD', async () => {
    const response = await ask(gateway, 'DELETE /api/orders')
    assert.equal(outcomeOf(response), '405 method_not_allowed')
    assert.equal(response.header('allow'), 'GET, HEAD, POST')
    assert.equal((await ask(gateway, 'HEAD /api/orders')).status, 200)
    assert.equal(services['api']?.requests.at(-1)?.method, 'HEAD')
  })

  test('a prefix matches whole segments, `**` also none; `{name}` is exactly one that is not empty', async () => {
    assert.equal(await answers('GET /api'), 'api')
    assert.equal(await answers('GET /apis'), 'web')
    assert.equal(await answers('GET /users/'), 'web')
    assert.equal(await answers('GET /users/7/more'), 'web')
  })

  test('case and trailing slash count in paths', async () => {
    assert.equal(await answers('GET /users/me'), 'admin')
    assert.equal(await answers('GET /users/ME'), 'api')
    assert.equal(await answers('GET /API/orders'), 'web')
    assert.equal(await answers('GET /users/me/'), 'web')
  })

  test('hosts ignore case and port, and go before paths', async () => {
    assert.equal(await answers('GET /api/orders', { Host: 'tenant.test' }), 'tenant')
    assert.equal(await answers('GET /', { Host: 'TENANT.Test:8443' }), 'tenant')
    assert.equal(await answers('GET /', { Host: 'one.apps.test' }), 'extra')
    assert.equal(await answers('GET /', { Host: 'apps.test' }), 'web')
  })

  test('a header chooses among the routes of one path; none fits: 404', async () => {
    assert.equal(await answers('GET /versioned', { 'X-Api-Version': '1' }), 'v1')
    assert.equal(await answers('GET /versioned', { 'X-Api-Version': '2' }), 'v2')
    assert.equal(await answers('GET /versioned', { 'X-Api-Version': '3' }), '404 route_unknown')
    assert.equal(await answers('GET /versioned'), '404 route_unknown')
  })

  test('matches with unreserved escapes decoded and sends the original bytes on', async () => {
    assert.equal(await answers('GET /%61pi/%6frders?q=%61'), 'api')
    assert.equal(services['api']?.requests.at(-1)?.target, '/%61pi/%6frders?q=%61')
    assert.equal(await answers('POST /ap%69/%61dmin/users'), 'admin')
  })

  test('strip_prefix and rewrite change the path and keep the query', async () => {
    await answers('GET /stripped/orders/1?x=1&y')
    assert.equal(services['api']?.requests.at(-1)?.target, '/orders/1?x=1&y')
    await answers('GET /stripped')
    assert.equal(services['api']?.requests.at(-1)?.target, '/')
    await answers('GET /old/7/a/b?x')
    assert.equal(services['api']?.requests.at(-1)?.target, '/new/7/items/a/b?x')
  })

  test('admits the path again after it was rewritten', async () => {
    const seen = services['api']?.requests.length
    for (const path of ['/stripped/%2e%2e/x', '/stripped/..;/x', '/stripped//x'])
      assert.equal(await answers(`GET ${path}`), '400 target_invalid')
    assert.equal(services['api']?.requests.length, seen)
  })

  test('allow_clients and deny_clients look at the address of the client', async () => {
    assert.equal(await answers('GET /office'), '403 client_denied')
    assert.equal(await answers('GET /office', { 'X-Forwarded-For': '10.1.2.3' }), '403 client_denied')
    assert.equal(await answers('GET /banned'), '403 client_denied')
  })
})

suite('routing, nothing else', () => {
  const keep = keeper()

  test('what no route names is 404, and included files bring routes of their own', async () => {
    const upstream = keep(await startUpstream(fixed(200, 'service')))
    const gateway = keep(
      await serve(
        `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
include: [routes-*.yaml]
routes:
  - { path: /own, public: true, upstream: service }
`,
        { files: { 'routes-a.yaml': 'routes:\n  - { path: /included, public: true, upstream: service }\n' } },
      ),
    )
    assert.equal(outcomeOf(await ask(gateway, 'GET /')), '404 route_unknown')
    assert.equal((await ask(gateway, 'GET /own')).text, 'service')
    assert.equal((await ask(gateway, 'GET /included')).text, 'service')
  })
})
