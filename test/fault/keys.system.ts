/**
 * The issuer's keys cannot be had, in every way we know of, under traffic (F8).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { request } from 'undici'

import { ask, outcomeOf } from '../support/ask.ts'
import { liveThrough } from '../support/episode.ts'
import { report } from '../support/figures.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { byTokenOf } from '../support/mixture.ts'
import { noPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { noRedis } from '../support/redis.ts'
import { sceneFile, startScene, type Scene } from '../support/scenario.ts'
import { newSigner } from '../support/tokens.ts'
import { keyFaults, surviveKeys } from './key-faults.ts'

suite('an issuer fails under traffic', { skip: noRedis || noPostgres }, () => {
  const keep = keeper()
  let scene: Scene

  before(async () => {
    scene = await startScene(keep)
  })

  for (const [what, fault] of Object.entries(keyFaults))
    test(`F8: an issuer that ${what} costs nobody an answer: its last good keys are believed`, async () => {
      await surviveKeys(scene, { row: 'F8', what, fault })
    })

  const by = (token: string) => ({ Authorization: `Bearer ${token}`, ...byTokenOf(1, scene.issuer.name) })
  const newToken = () =>
    scene.issuer.token('person-1', { permissions: ['orders:read'], jti: String(performance.now()) })
  const outcome = async (at: TestGateway, headers: Readonly<Record<string, string>>, path = '/token') =>
    outcomeOf(await ask(at, `GET ${path}`, headers))
  const ready = async (at: TestGateway) => (await request(`${at.probes}/readyz`)).statusCode

  test('F8: a rotation costs nobody an answer, and a key that is gone takes its tokens along', async () => {
    const { issuer } = scene
    const old = newToken()
    const next = newSigner('ES256', 'second')
    assert.equal(await outcome(scene.gateway, by(old)), '200')
    const rotation = {
      async begin() {
        issuer.keys.keys = [issuer.signer.jwk, next.jwk]
        await sleep(2000) // published a while before it signs, as issuers do
        issuer.signer = next
        await sleep(500)
        issuer.keys.keys = [next.jwk]
      },
      end: () => undefined,
    }
    const { onset, during, after } = await liveThrough(scene, rotation, { before: 500, during: 1500 })
    for (const phase of [onset, during, after]) assert.equal(phase.of().failed, 0, JSON.stringify(phase.of().outcomes))
    await eventually(
      'the old one is refused',
      async () => (await outcome(scene.gateway, by(old))) === '401 invalid_token',
    )
    scene.assertHonest()
  })

  test('F8: keys are believed no longer than `max_stale`; then tokens are told to come back, and /readyz says so', async () => {
    const file = sceneFile(scene.proxies, scene.issuer.name).replace('refresh: 1s', 'refresh: 1s, max_stale: 3s')
    const gateway = keep(await serve(file))
    await eventually('ready', async () => (await ready(gateway)) === 200)
    const token = newToken()
    await scene.proxies.keys.set({ kind: 'refuse' })
    const began = performance.now()
    assert.equal(await outcome(gateway, by(token)), '200')
    await eventually('too old', async () => (await outcome(gateway, by(token))) === '503 keys_unavailable', 5000)
    const believed = performance.now() - began
    assert.equal(await outcome(gateway, by(newToken())), '503 keys_unavailable')
    assert.equal(await ready(gateway), 503)
    await scene.proxies.keys.set({ kind: 'pass' })
    await eventually('believed again', async () => (await outcome(gateway, by(token))) === '200')
    assert.equal(await ready(gateway), 200)
    report('F8', { what: 'keys too old', max_stale_ms: 3000, believed_ms: believed })
    assert.ok(believed <= 3500, `believed for ${believed} ms`)
  })

  test('F8: a gateway that starts without keys serves what needs none, says that it is not ready, and becomes so', async () => {
    await scene.proxies.keys.set({ kind: 'refuse' })
    const gateway = keep(await serve(sceneFile(scene.proxies, scene.issuer.name)))
    assert.equal(await ready(gateway), 503)
    assert.equal(await outcome(gateway, by(newToken())), '503 keys_unavailable')
    const session = await scene.newSession()
    assert.equal(await outcome(gateway, session.headers, '/session'), '200')
    await scene.proxies.keys.set({ kind: 'pass' })
    const ended = performance.now()
    await eventually('ready', async () => (await ready(gateway)) === 200)
    report('F8', { what: 'started without keys', ready_after_ms: performance.now() - ended })
    assert.equal(await outcome(gateway, by(newToken())), '200')
    scene.assertHonest()
  })
})
