/**
 * The wall clock jumps (F14), in a gate whose clock is told: what rests on it, and what must not.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { createKeySets, type KeySets } from '#authn/key-sets.ts'
import { loadConfig } from '#config/load.ts'
import { digest, newApiKey, newSession } from '#directory/secrets.ts'
import { createBadCredentials } from '#gate/bad-credentials.ts'
import { compileGate } from '#gate/compile.ts'
import { decide } from '#gate/decide.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { apiKeyRecord, sessionRecord, testDirectory } from '../support/directory.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'

const HOUR = 3_600_000

const file = ({ name, keys }: TestIssuer) => `
version: 1
stores: { postgres: "postgres://127.0.0.1:1/none" }
upstreams: { app: http://127.0.0.1:1 }
authenticators:
  acme: { jwt: { issuer: "${name}", audience: orders-api, jwks_url: "${keys.url}", max_stale: 10m, refresh: 5m } }
  login: { session: {} }
  keys: { api_key: {} }
bad_credentials: 3/h
defaults: { upstream: app, authenticate: [acme, login, keys] }
routes:
  - { path: /any }
  - { path: /few, limits: [{ allow: 2/h, by: subject }] }
`

suite('the wall clock jumps', () => {
  const keep = keeper()
  const directory = testDirectory()
  let issuer: TestIssuer
  let keySets: KeySets

  before(async () => {
    issuer = keep(await startIssuer())
    keySets = keep(createKeySets({ metrics: createMetrics(), log: silent }))
  })

  /** A gate of its own, with a clock that is `ahead` of the true one, and what it says to a request. */
  const start = async () => {
    const metrics = createMetrics()
    const loaded = loadConfig('/h.yaml', { env: {}, readFile: () => file(issuer), listFolder: () => [] })
    assert.ok('config' in loaded, 'problems' in loaded ? JSON.stringify(loaded.problems) : '')
    const clock = { ahead: 0 }
    const now = () => Date.now() + clock.ahead
    const gate = compileGate(loaded.config, {
      authn: { clock: now, keySets, lookups: directory.lookups, metrics, log: silent },
      limits: createLimiters({ metrics }),
      badCredentials: createBadCredentials({ metrics, log: silent }),
    })
    await eventually('the keys are there', () => keySets.status().every(({ ready }) => ready))
    const ask = async (headers: Readonly<Record<string, string>>, url = '/any') => {
      const fields = Object.entries({ Host: 'api.test', ...headers }).flat()
      const raw = { method: 'GET', url, version: '1.1', headers: fields, peer: '203.0.113.9', encrypted: false }
      const decision = await decide(gate, raw)
      return decision.kind === 'refuse' ? decision.deny.code : 'pass'
    }
    return { clock, ask }
  }

  test('F14: an hour ahead every token has expired, remembered or new; the clock set right, they are good', async () => {
    const { clock, ask } = await start()
    const [known, unknown] = [issuer.as('alice'), issuer.as('bob')]
    assert.equal(await ask(known), 'pass')
    clock.ahead = HOUR
    for (const token of [known, unknown]) assert.equal(await ask(token), 'token_expired')
    clock.ahead = 0
    for (const token of [known, unknown]) assert.equal(await ask(token), 'pass')
  })

  test('F14: an hour back no token is good that was issued since, remembered or new', async () => {
    const { clock, ask } = await start()
    const [known, unknown] = [issuer.as('alice'), issuer.as('bob')]
    assert.equal(await ask(known), 'pass')
    clock.ahead = -HOUR
    for (const token of [known, unknown]) assert.equal(await ask(token), 'invalid_token')
  })

  test('F14: keys of issuers do not age with it: tokens of the new time are checked with them', async () => {
    const { clock, ask } = await start()
    for (const ahead of [HOUR, -HOUR]) {
      clock.ahead = ahead
      const iat = Math.floor((Date.now() + ahead) / 1000)
      assert.equal(await ask(issuer.as('alice', { iat, exp: iat + 300 })), 'pass')
    }
    assert.equal(issuer.keys.count.jwks, 1)
  })

  test('F14: sessions and keys end by it, and none that was revoked comes back', async () => {
    const { clock, ask } = await start()
    const [session, ended] = [newSession().value, newSession().value]
    const [key, revoked] = [newApiKey(), newApiKey()]
    const expires_at = Date.now() + HOUR / 2
    directory.sessions.set(digest(session), sessionRecord({ expires_at }))
    directory.sessions.set(digest(ended), sessionRecord({ revoked: true }))
    directory.apiKeys.set(key.id, apiKeyRecord(key.value, { expires_at }))
    directory.apiKeys.set(revoked.id, apiKeyRecord(revoked.value, { revoked: true }))
    const answers = async () => [
      await ask({ Cookie: `heimdall_session=${session}` }),
      await ask({ 'X-API-Key': key.value }),
      await ask({ Cookie: `heimdall_session=${ended}` }),
      await ask({ 'X-API-Key': revoked.value }),
    ]
    const gone = ['invalid_session', 'invalid_api_key']
    assert.deepEqual(await answers(), ['pass', 'pass', ...gone])
    const { asked } = directory
    clock.ahead = HOUR
    assert.deepEqual(await answers(), [...gone, ...gone])
    clock.ahead = -HOUR
    assert.deepEqual(await answers(), ['pass', 'pass', ...gone])
    assert.equal(directory.asked, asked, 'what was looked up is as old as it was')
  })

  test('F14: no limit forgets or keeps anybody for it', async () => {
    const { clock, ask } = await start()
    const key = newApiKey()
    directory.apiKeys.set(key.id, apiKeyRecord(key.value))
    const few = () => ask({ 'X-API-Key': key.value }, '/few')
    assert.deepEqual([await few(), await few(), await few()], ['pass', 'pass', 'rate_limited'])
    for (let turn = 0; turn < 3; turn += 1) await ask({ 'X-API-Key': newApiKey().value })
    for (const ahead of [HOUR, -HOUR, 24 * HOUR]) {
      clock.ahead = ahead
      assert.equal(await few(), 'rate_limited')
      assert.equal(await ask({ 'X-API-Key': newApiKey().value }), 'too_many_failures')
    }
  })
})
