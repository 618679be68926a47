/**
 * Pages of other origins: what a browser is told, and what its cookies may do.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import type { RawResponse } from '../support/raw-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const APP = { Origin: 'https://app.test' }
const EVIL = { Origin: 'https://evil.test' }

function access(response: RawResponse): Record<string, string> {
  const fields = response.headers.map(([name, value]) => [name.toLowerCase(), value] as const)
  return Object.fromEntries(fields.filter(([name]) => name.startsWith('access-control-')))
}

suite('cors', () => {
  const keep = keeper()
  let upstream: Upstream
  let issuer: TestIssuer
  let gateway: TestGateway

  before(async () => {
    issuer = keep(await startIssuer())
    upstream = keep(
      await startUpstream(
        fixed(200, 'service', [
          'Access-Control-Allow-Origin: *',
          'Access-Control-Allow-Credentials: true',
          'Vary: Accept',
        ]),
      ),
    )
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
authenticators:
  id: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } }
defaults: { upstream: service, authenticate: [id] }
routes:
  - path: /api/**
    methods: [GET, PUT]
    cors: { origins: [https://app.test], credentials: true, headers: [Authorization], expose: [X-Total], max_age: 5m }
  - { path: /open, public: true, cors: { origins: ["*"] } }
  - { path: /plain, public: true }
`),
    )
  })

  const preflight = (path: string, origin: Record<string, string>, method: string) =>
    ask(gateway, `OPTIONS ${path}`, { ...origin, 'Access-Control-Request-Method': method })

  test('answers a preflight by itself, without credentials, with what the route allows', async () => {
    const seen = upstream.requests.length
    const response = await preflight('/api/orders', APP, 'PUT')
    assert.equal(response.status, 204)
    assert.deepEqual(access(response), {
      'access-control-allow-origin': 'https://app.test',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': 'Authorization',
      'access-control-max-age': '300',
    })
    assert.match(response.header('vary') ?? '', /Origin/)
    assert.equal(upstream.requests.length, seen)
  })

  test('grants nothing to an origin that is not listed, nor for a method that the route does not have', async () => {
    const stranger = await preflight('/api/orders', EVIL, 'PUT')
    assert.equal(outcomeOf(stranger), '403 origin_denied')
    assert.deepEqual(access(stranger), {})
    assert.notEqual((await preflight('/api/orders', APP, 'DELETE')).status, 204)
    assert.notEqual((await preflight('/api/orders', { Origin: 'https://app.test.evil.test' }, 'PUT')).status, 204)
  })

  test('replaces what the service says about origins, and keeps its Vary', async () => {
    const response = await ask(gateway, 'GET /api/orders', { ...APP, ...issuer.as('alice') })
    assert.equal(response.status, 200)
    assert.deepEqual(access(response), {
      'access-control-allow-origin': 'https://app.test',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'X-Total',
    })
    const vary = response.all('vary').join(', ')
    assert.match(vary, /Accept/)
    assert.match(vary, /Origin/)
    const stranger = await ask(gateway, 'GET /api/orders', { ...EVIL, ...issuer.as('alice') })
    assert.deepEqual(access(stranger), {})
    assert.match(stranger.all('vary').join(', '), /Origin/)
  })

  test('a page may read refusals too', async () => {
    const response = await ask(gateway, 'GET /api/orders', APP)
    assert.equal(outcomeOf(response), '401 no_credentials')
    assert.equal(access(response)['access-control-allow-origin'], 'https://app.test')
    assert.match(response.header('vary') ?? '', /Origin/)
  })

  test('`*` opens a route to every page, without cookies', async () => {
    const response = await ask(gateway, 'GET /open', EVIL)
    assert.deepEqual(access(response), { 'access-control-allow-origin': '*' })
  })

  test('a route without cors leaves preflights and headers to the service', async () => {
    const response = await preflight('/plain', EVIL, 'GET')
    assert.equal(response.text, 'service')
    assert.equal(access(response)['access-control-allow-origin'], '*')
    assert.equal(upstream.requests.at(-1)?.method, 'OPTIONS')
  })
})
