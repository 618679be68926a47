/**
 * Sessions and API keys: proved by a directory in Postgres, or by the file alone.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, suite, test } from 'node:test'

import { cacheKey } from '#cache/key.ts'
import { newApiKey } from '#directory/secrets.ts'
import { createApiKey, revokeApiKey, upsertUser } from '#stores/writes.ts'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { noRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { sample } from '../support/samples.ts'
import { storeDirectory, type StoredDirectory } from '../support/stored-directory.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const FRESH = 5000 + 300 // milliseconds that a change may take, and the asking

const cookie = (value: string, name = 'heimdall_session') => ({ Cookie: `${name}=${value}` })
const bearer = (value: string) => ({ Authorization: `Bearer ${value}` })
const apiKey = (value: string) => ({ 'X-API-Key': value })

suite('sessions and API keys in Postgres', { skip: noPostgres || noRedis }, () => {
  const keep = keeper()
  let postgres: TestPostgres
  let redis: TestRedis
  let directory: StoredDirectory
  let issuer: TestIssuer
  let upstream: Upstream
  let gateway: TestGateway
  let other: TestGateway

  before(async () => {
    issuer = keep(await startIssuer())
    upstream = keep(await startUpstream(fixed(200, 'service')))
    redis = keep(await startRedis())
    postgres = keep(await startPostgres())
    directory = keep(await storeDirectory(postgres.url))
    const facts = { email: 'alice@acme.test', name: 'Alice Arden', tenant: 'acme' }
    await upsertUser(directory.db, { id: 'alice', ...facts })
    await upsertUser(directory.db, { id: 'dora' })
    const yaml = `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
stores: { postgres: "${directory.url}", redis: "${redis.url}" }
upstreams: { service: "${upstream.url}" }
authenticators:
  id: { jwt: { issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api } }
  login: { session: {} }
  keys: { api_key: {} }
defaults: { upstream: service, authenticate: [id, login, keys] }
routes:
  - { path: /any }
  - { path: /shared, cors: { origins: [https://app.test], credentials: true } }
  - { path: /keys, authenticate: [keys], require: { permissions: ["orders:read"] } }
  - { path: /keep/**, forward_credential: true }
  - { path: /open, public: true }
`
    const started = await Promise.all([serve(yaml), serve(yaml)])
    ;[gateway, other] = [keep(started[0]), keep(started[1])]
  })

  const answer = async (headers: Record<string, string>, line = 'GET /any', at = gateway) =>
    outcomeOf(await ask(at, line, headers))

  test('a session is accepted from its cookie and as a bearer token, and names its person', async () => {
    const session = await directory.session('alice')
    for (const headers of [cookie(session.value), bearer(session.value)]) {
      assert.equal(await answer(headers), '200')
      const seen = upstream.requests.at(-1)
      assert.equal(seen?.header('x-heimdall-subject'), 'alice')
      assert.equal(seen?.header('x-heimdall-issuer'), 'heimdall')
      assert.equal(seen?.header('x-heimdall-email'), 'alice@acme.test')
      assert.equal(seen?.header('x-heimdall-name'), 'Alice Arden')
      assert.equal(seen?.header('x-heimdall-tenant'), 'acme')
      assert.equal(seen?.header('x-heimdall-session'), session.id)
      assert.equal(seen?.header('x-heimdall-authenticator'), 'login')
    }
  })

  test('the session goes no further than the gateway, and other cookies stay byte for byte', async () => {
    const { value } = await directory.session('alice')
    await answer({ Cookie: `a=1;  theme="dark"; heimdall_session=${value}; b==2` })
    assert.equal(upstream.requests.at(-1)?.header('cookie'), 'a=1;  theme="dark"; b==2')
    await answer(cookie(value))
    assert.equal(upstream.requests.at(-1)?.header('cookie'), undefined)
    await answer(cookie(value), 'GET /open')
    assert.equal(upstream.requests.at(-1)?.header('cookie'), undefined)
    assert.ok(!upstream.connections.some((connection) => connection.received.includes(value)))
    await answer(cookie(value), 'GET /keep/it')
    assert.equal(upstream.requests.at(-1)?.header('cookie'), `heimdall_session=${value}`)
  })

  test('an unknown, malformed, doubled, expired or disabled session is refused', async () => {
    const [good, short, dora] = [
      await directory.session('alice'),
      await directory.session('alice', -1000),
      await directory.session('dora'),
    ]
    await upsertUser(directory.db, { id: 'dora', state: 'disabled' })
    const stranger = `hs_${'x'.repeat(43)}`
    for (const value of [stranger, 'hs_short', short.value, dora.value, `${good.value}; heimdall_session=${stranger}`])
      assert.equal(await answer(cookie(value)), '401 invalid_session', value.slice(0, 8))
    assert.equal(await answer({ ...cookie(good.value), ...bearer(stranger) }), '401 invalid_session')
    assert.equal(await answer({}), '401 no_credentials')
  })

  suite('within 5 s', { concurrency: true }, () => {
    test('an ended session is refused by every gateway, whatever they had in their caches', async () => {
      const session = await directory.session('alice')
      for (const at of [gateway, other]) assert.equal(await answer(cookie(session.value), 'GET /any', at), '200')
      await directory.endSession(session.id)
      await eventually(
        'refused by both',
        async () => {
          const answers = [gateway, other].map((at) => answer(cookie(session.value), 'GET /any', at))
          return (await Promise.all(answers)).every((one) => one === '401 invalid_session')
        },
        FRESH,
      )
    })

    test('a person disabled in the directory is refused', async () => {
      await upsertUser(directory.db, { id: 'erik' })
      const { value } = await directory.session('erik')
      assert.equal(await answer(cookie(value)), '200')
      await upsertUser(directory.db, { id: 'erik', state: 'disabled' })
      await eventually('refused', async () => (await answer(cookie(value))) === '401 invalid_session', FRESH)
    })

    test('a revoked API key is refused by every gateway', async () => {
      const key = await directory.apiKey({ subject: 'reports' })
      for (const at of [gateway, other]) assert.equal(await answer(apiKey(key.value), 'GET /any', at), '200')
      await revokeApiKey(directory.db, key.id)
      await eventually(
        'refused by both',
        async () => {
          const answers = [gateway, other].map((at) => answer(apiKey(key.value), 'GET /any', at))
          return (await Promise.all(answers)).every((one) => one === '401 invalid_api_key')
        },
        FRESH,
      )
    })

    test('a session ends with its lifetime, also when the gateway knew it a moment ago', async () => {
      const { value } = await directory.session('alice', 1500)
      assert.equal(await answer(cookie(value)), '200')
      await eventually('refused', async () => (await answer(cookie(value))) === '401 invalid_session', 2500)
    })

    test('a key made a moment ago works a moment later, although it was asked for before', async () => {
      const key = newApiKey()
      assert.equal(await answer(apiKey(key.value)), '401 invalid_api_key')
      await createApiKey(directory.db, key, { subject: 'reports' })
      await eventually('accepted', async () => (await answer(apiKey(key.value))) === '200', 3000)
    })
  })

  test('a cookie that changes state needs a page of this host or a listed one; a bearer token does not', async () => {
    const { value } = await directory.session('alice')
    const post = (headers: Record<string, string>, path = '/any') => answer(headers, `POST ${path}`)
    assert.equal(await post({ ...cookie(value), Origin: 'http://gateway.test' }), '200')
    assert.equal(await post({ ...cookie(value), Origin: 'https://gateway.test' }), '200')
    assert.equal(await post({ ...cookie(value), Origin: 'https://evil.test' }), '403 origin_denied')
    assert.equal(await post({ ...cookie(value), Origin: 'https://gateway.test.evil.test' }), '403 origin_denied')
    assert.equal(await post({ ...cookie(value), Origin: 'null' }), '403 origin_denied')
    assert.equal(await post({ ...cookie(value), 'Sec-Fetch-Site': 'cross-site' }), '403 origin_denied')
    assert.equal(await post({ ...cookie(value), Origin: 'https://app.test' }), '403 origin_denied')
    assert.equal(await post({ ...cookie(value), Origin: 'https://app.test' }, '/shared'), '200')
    assert.equal(await post({ ...bearer(value), Origin: 'https://evil.test' }), '200')
    assert.equal(await answer({ ...cookie(value), Origin: 'https://evil.test' }), '200')
  })

  test('an API key is accepted with its own grants, and its client is the id of the key', async () => {
    const reads = await directory.apiKey({ subject: 'reports', name: 'nightly', permissions: ['orders:read'] })
    const none = await directory.apiKey({ subject: 'reports' })
    assert.equal(await answer(apiKey(reads.value), 'GET /keys'), '200')
    const seen = upstream.requests.at(-1)
    assert.equal(seen?.header('x-heimdall-subject'), 'reports')
    assert.equal(seen?.header('x-heimdall-client'), reads.id)
    assert.equal(seen?.header('x-heimdall-permissions'), 'orders:read')
    assert.equal(seen?.header('x-api-key'), undefined)
    assert.equal(await answer(apiKey(none.value), 'GET /keys'), '403 permission_denied')
  })

  test('an unknown, changed, doubled or expired API key is refused, and not to be told apart', async () => {
    const good = await directory.apiKey({ subject: 'reports' })
    const late = await directory.apiKey({ subject: 'reports', expires_at: Date.now() - 1000 })
    const stranger = `hd_${'a'.repeat(12)}_${'x'.repeat(43)}`
    const changed = `hd_${good.id}_${'x'.repeat(43)}`
    for (const value of [stranger, changed, late.value, 'x', 'x'.repeat(300)]) {
      const response = await ask(gateway, 'GET /any', apiKey(value))
      assert.equal(outcomeOf(response), '401 invalid_api_key')
      assert.equal(response.header('www-authenticate'), 'Bearer realm="heimdall", error="invalid_token"')
    }
    const twice = [
      ['X-API-Key', good.value],
      ['x-api-key', good.value],
    ] as const
    assert.equal(outcomeOf(await ask(gateway, 'GET /any', twice)), '401 invalid_api_key')
  })

  test('several schemes are tried in order, and the first that knows its credential decides', async () => {
    const key = await directory.apiKey({ subject: 'reports' })
    const session = await directory.session('alice')
    assert.equal(await answer({ ...issuer.as('carol'), ...apiKey('wrong') }), '200')
    assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), 'carol')
    assert.equal(await answer({ ...cookie(session.value), ...apiKey(key.value) }), '200')
    assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), 'alice')
    assert.equal(await answer({ ...bearer('opaque'), ...apiKey(key.value) }), '200')
    assert.equal(await answer({ ...issuer.as('carol', { exp: 1 }), ...apiKey(key.value) }), '401 token_expired')
    assert.equal(await answer(issuer.as('carol'), 'GET /keys'), '401 no_credentials')
  })

  test('the second gateway learns from Redis what the first has read, and the log says so', async () => {
    const { value } = await directory.session('alice')
    const told = async (at: TestGateway) => {
      const response = await ask(at, 'GET /any', cookie(value))
      const id = response.header('x-request-id')
      return (await at.line((line) => line['msg'] === 'request' && line['request_id'] === id))['cache']
    }
    assert.equal(await told(gateway), 'source')
    assert.equal(await told(gateway), 'l1')
    await eventually('kept in Redis', async () => (await redis.client.keys('heimdall:1:session:*')).length > 0)
    await eventually('read from Redis', async () => {
      const layer = await told(other)
      return layer === 'l2' || layer === 'l1'
    })
  })

  test('many requests at once with a session that nobody knows yet are one question to Postgres', async () => {
    const { value } = await directory.session('alice')
    const asked = async () =>
      sample(await gateway.metrics(), 'heimdall_store_query_duration_seconds_count', {
        store: 'postgres',
        query: 'session',
      })
    const before = await asked()
    const answers = await Promise.all(Array.from({ length: 50 }, () => answer(cookie(value))))
    assert.deepEqual([...new Set(answers)], ['200'])
    assert.equal((await asked()) - before, 1)
  })

  test('what somebody wrote into Redis chooses no identity', async () => {
    await redis.client.flushall()
    const alice = await directory.session('alice')
    assert.equal(await answer(cookie(alice.value)), '200')
    await eventually('kept in Redis', async () => (await redis.client.keys('heimdall:1:session:*')).length === 1)
    const [place = ''] = await redis.client.keys('heimdall:1:session:*')
    const kept = (await redis.client.get(place)) ?? ''
    for (const poison of [kept, kept.replace('"subject":"alice"', '"subject":"root","admin":true'), 'nonsense', '']) {
      const next = await directory.session('alice')
      const digest = createHash('sha256').update(next.value).digest('hex')
      const target = `heimdall:1:session:${cacheKey('session', digest)}`
      await redis.client.set(target, poison, 'PX', 4000)
      assert.equal(await answer(cookie(next.value), 'GET /any', other), '200')
      assert.equal(upstream.requests.at(-1)?.header('x-heimdall-subject'), 'alice')
      assert.equal(upstream.requests.at(-1)?.header('x-heimdall-session'), next.id)
    }
  })

  test('no secret is stored as it is, neither in Postgres nor in Redis', async () => {
    const session = await directory.session('alice')
    const key = await directory.apiKey({ subject: 'reports' })
    assert.equal(await answer(cookie(session.value)), '200')
    assert.equal(await answer(apiKey(key.value)), '200')
    const rows = [
      await directory.db.selectFrom('heimdall.sessions').selectAll().execute(),
      await directory.db.selectFrom('heimdall.api_keys').selectAll().execute(),
    ]
    const places = await redis.client.keys('*')
    const kept = [JSON.stringify(rows), ...places, ...(await redis.client.mget(places))].join('\n')
    for (const secret of [session.value, key.value]) assert.ok(!kept.includes(secret.slice(-43)))
  })
})

suite('API keys in the file', () => {
  const keep = keeper()

  test('work without Postgres, with the grants and the roles that the file gives them', async () => {
    const upstream = keep(await startUpstream(fixed(200, 'service')))
    const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
    const gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
roles: { keeper: ["stock:*"] }
authenticators:
  machines:
    api_key:
      header: X-Machine-Key
      keys:
        - { id: warehouse, subject: warehouse-7, tenant: north, digest: "${digestOf('long random text')}", roles: [keeper] }
        - { id: partner, subject: acme, digest: "${digestOf('another')}", permissions: ["stock:read"] }
        - { id: former, subject: acme, digest: "${digestOf('gone')}", expires: 2020-01-01 }
defaults: { upstream: service, authenticate: [machines] }
routes:
  - { path: /stock, methods: [GET], require: { permissions: ["stock:read"] } }
  - { path: /stock, methods: [PUT], require: { permissions: ["stock:write"] } }
`),
    )
    const answer = async (line: string, key: string) => outcomeOf(await ask(gateway, line, { 'X-Machine-Key': key }))
    assert.equal(await answer('PUT /stock', 'long random text'), '200')
    const seen = upstream.requests.at(-1)
    assert.equal(seen?.header('x-heimdall-subject'), 'warehouse-7')
    assert.equal(seen?.header('x-heimdall-client'), 'warehouse')
    assert.equal(seen?.header('x-heimdall-roles'), 'keeper')
    assert.equal(seen?.header('x-heimdall-tenant'), 'north')
    assert.equal(seen?.header('x-machine-key'), undefined)
    assert.equal(await answer('GET /stock', 'another'), '200')
    assert.equal(await answer('PUT /stock', 'another'), '403 permission_denied')
    assert.equal(await answer('GET /stock', 'gone'), '401 invalid_api_key')
    assert.equal(await answer('GET /stock', 'guess'), '401 invalid_api_key')
    const nothing = await ask(gateway, 'GET /stock')
    assert.equal(outcomeOf(nothing), '401 no_credentials')
    assert.equal(nothing.header('www-authenticate'), 'ApiKey realm="heimdall"')
  })
})
