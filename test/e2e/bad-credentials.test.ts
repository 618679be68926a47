/**
 * Bad credentials: what they cost is bounded by client, and whoever is known goes on.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { newApiKey, newSession } from '#directory/secrets.ts'
import { upsertUser } from '#stores/writes.ts'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { claimsNow, startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import { storeDirectory, type StoredDirectory } from '../support/stored-directory.ts'
import { newSigner, token } from '../support/tokens.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

type Headers = Readonly<Record<string, string>>

const HELD = '429 too_many_failures'
const COUNT = 8

suite('bad credentials', { skip: noPostgres }, () => {
  const keep = keeper()
  let issuer: TestIssuer
  let upstream: Upstream
  let postgres: TestPostgres
  let directory: StoredDirectory
  let gateway: TestGateway
  let clients = 0

  const file = (rate: string) => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
trusted_proxies: [127.0.0.1]
bad_credentials: ${rate}
stores: { postgres: "${directory.url}" }
upstreams: { service: "${upstream.url}" }
authenticators:
  acme: { jwt: { issuer: "${issuer.name}", audience: orders-api, jwks_url: "${issuer.keys.url}" } }
  login: { session: {} }
  keys: { api_key: {} }
defaults: { upstream: service, authenticate: [acme, login, keys] }
routes:
  - { path: /orders }
  - { path: /maybe, optional: true }
  - { path: /public, public: true }
`

  before(async () => {
    issuer = keep(await startIssuer())
    upstream = keep(await startUpstream(fixed(200, 'service')))
    postgres = keep(await startPostgres())
    directory = keep(await storeDirectory(postgres.url))
    await upsertUser(directory.db, { id: 'alice' })
    gateway = keep(await serve(file(`${COUNT}/3s`)))
    await eventually('the keys are there', async () => (await send(newClient(), good())) === '200')
  })

  const newClient = () => `192.0.2.${(clients += 1)}`
  const answerTo = (client: string, headers: Headers = {}, line = 'GET /orders') =>
    ask(gateway, line, { 'X-Forwarded-For': client, ...headers })
  const send = async (...what: Parameters<typeof answerTo>) => outcomeOf(await answerTo(...what))
  const sendAll = async (client: string, all: readonly Headers[], line?: string) => {
    const outcomes: string[] = []
    for (const headers of all) outcomes.push(await send(client, headers, line))
    return outcomes
  }
  const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make)

  let serial = 0
  const stranger = newSigner('ES256', 'stranger')
  const bearer = (text: string) => ({ Authorization: `Bearer ${text}` })
  const good = () => issuer.as('alice', { jti: `good-${(serial += 1)}` })
  const claims = () => ({ ...claimsNow(issuer.name, 'alice'), jti: `forged-${(serial += 1)}` })
  const forged = () => bearer(token(stranger, claims(), { kid: issuer.signer.kid }))
  const unknownKey = () => ({ 'X-API-Key': newApiKey().value })
  const unknownSession = () => ({ Cookie: `heimdall_session=${newSession().value}` })
  /** Uses up what a client has. */
  const exhaust = async (client: string) => {
    const outcomes = await sendAll(client, times(COUNT, forged))
    assert.deepEqual(new Set(outcomes), new Set(['401 invalid_token']))
  }

  test('are refused before any check once they are too many, until the first of them is a period old', async () => {
    const client = newClient()
    await exhaust(client)
    const refusal = await answerTo(client, forged())
    assert.equal(outcomeOf(refusal), HELD)
    const wait = Number(refusal.header('retry-after'))
    assert.ok(wait >= 1 && wait <= 3, `Retry-After: ${wait}`)
    assert.equal(refusal.header('cache-control'), 'no-store')
    assert.deepEqual(await sendAll(client, [good(), unknownKey(), unknownSession()]), [HELD, HELD, HELD])
    await eventually('the client is heard again', async () => (await send(client, good())) === '200', 4000)
  })

  test('of every kind count together: forged tokens, unknown keys and sessions', async () => {
    const client = newClient()
    const mixed = times(3, () => [forged(), unknownKey(), unknownSession()])
      .flat()
      .slice(0, COUNT)
    const outcomes = await sendAll(client, mixed)
    assert.deepEqual(new Set(outcomes), new Set(['401 invalid_token', '401 invalid_api_key', '401 invalid_session']))
    assert.deepEqual(await sendAll(client, [forged(), unknownKey(), unknownSession()]), [HELD, HELD, HELD])
  })

  test('harm nobody who is known already: neighbours behind the same address go on', async () => {
    const client = newClient()
    const known = good()
    const session = { Cookie: `heimdall_session=${(await directory.session('alice')).value}` }
    const key = { 'X-API-Key': (await directory.apiKey({ subject: 'alice' })).value }
    const neighbours = [known, session, key]
    assert.deepEqual(await sendAll(client, neighbours), ['200', '200', '200'])
    await exhaust(client)
    assert.deepEqual(await sendAll(client, [...neighbours, good()]), ['200', '200', '200', HELD])
    assert.deepEqual(await sendAll(newClient(), [good(), session, key]), ['200', '200', '200'], 'nor other addresses')
  })

  test('do not make a request anonymous, nor touch those without credentials', async () => {
    const client = newClient()
    await exhaust(client)
    assert.equal(await send(client, forged(), 'GET /maybe'), HELD)
    assert.deepEqual(
      [await send(client, {}, 'GET /maybe'), await send(client, {}), await send(client, forged(), 'GET /public')],
      ['200', '401 no_credentials', '200'],
    )
  })

  test('that cost no work are refused as ever and count nothing', async () => {
    const client = newClient()
    const past = Math.floor(Date.now() / 1000) - 3600
    const free: readonly Headers[] = [
      {},
      issuer.as('alice', { exp: past, iat: past - 60 }),
      issuer.as('alice', { aud: 'another' }),
      bearer(token(stranger, claims())), // a key that the issuer does not have
      bearer(token(newSigner('ES256', 'x'), claims(), { alg: 'none' })),
      bearer('opaque'),
      bearer('hs_short'),
      { 'X-API-Key': 'hd_short' },
    ]
    const outcomes = await sendAll(client, times(2 * COUNT, () => free).flat())
    assert.deepEqual(
      outcomes.filter((outcome) => !outcome.startsWith('401 ')),
      [],
    )
    assert.equal(await send(client, good()), '200')
  })

  test('are told to the operator', async () => {
    const count = async () => sample(await gateway.metrics(), 'heimdall_bad_credentials_total')
    const held = async () =>
      sample(await gateway.metrics(), 'heimdall_requests_total', { outcome: 'too_many_failures' })
    const [charged, refused] = [await count(), await held()]
    const client = newClient()
    await exhaust(client)
    await send(client, forged())
    assert.equal(await count(), charged + COUNT)
    assert.equal(await held(), refused + 1)
    assert.ok(gateway.lines.some(({ msg, level }) => msg === 'too many bad credentials' && level === 'warn'))
  })

  test('count nothing while the store cannot tell', async () => {
    const client = newClient()
    await postgres.crash()
    const outcomes = await sendAll(client, times(2 * COUNT, unknownKey))
    await postgres.restart()
    assert.deepEqual(new Set(outcomes), new Set(['503 store_unavailable']))
    await eventually('Postgres is back', async () => (await send(client, unknownKey())) === '401 invalid_api_key')
    assert.equal(await send(client, good()), '200')
  })

  test('cost what the file says now, and nothing when it says off', async () => {
    const client = newClient()
    gateway.rewrite(file('off'))
    await gateway.line(({ msg }) => msg === 'configuration applied')
    const outcomes = await sendAll(client, times(3 * COUNT, forged))
    assert.deepEqual(new Set(outcomes), new Set(['401 invalid_token']))
  })
})
