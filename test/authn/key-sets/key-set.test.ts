import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { LoadedKeySet } from '#authn/key-sets/key-set.ts'
import { failed, type Loaded, type LoadKeys, type Pace } from '#authn/key-sets/source.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { eventually } from '../../support/processes.ts'
import { newSigner } from '../../support/tokens.ts'

const old = newSigner('ES256', 'old').jwk
const young = newSigner('ES256', 'young').jwk
const loaded = (...keys: unknown[]): Loaded => ({ kind: 'loaded', text: JSON.stringify({ keys }) })

/** A key set with a clock of its own and a source that answers as told; nothing happens in the background. */
function keySetOf(first: Loaded | LoadKeys, pace: Partial<Pace> = {}) {
  const metrics = createMetrics()
  const warned: string[] = []
  const world = { now: 1000, loads: 0, answer: first, metrics, warned }
  const load: LoadKeys = (signal) => {
    world.loads += 1
    return typeof world.answer === 'function' ? world.answer(signal) : Promise.resolve(world.answer)
  }
  const log = { ...silent, warn: (fields: object) => void warned.push(JSON.stringify(fields)) }
  const context = { authenticator: 'acme', metrics, log, monotonic: () => world.now }
  const set = new LoadedKeySet(load, { cooldown: 30_000, refresh: 600_000, max_stale: 86_400_000, ...pace }, context)
  return Object.assign(world, { set, kids: (kid?: string) => set.find(kid, 'ES256')?.map((key) => key.kid) })
}

suite('a key set', () => {
  test('loads when it is made, once for all who wait', async () => {
    const world = keySetOf(loaded(old))
    assert.equal(world.kids(), undefined)
    assert.deepEqual(world.set.status(), { authenticator: 'acme', ready: false })
    await Promise.all(Array.from({ length: 20 }, async () => world.set.refresh()))
    assert.equal(world.loads, 1)
    assert.deepEqual(world.kids('old'), ['old'])
    assert.deepEqual(world.set.status(), { authenticator: 'acme', ready: true, age_ms: 0 })
  })

  test('loads at most once per cooldown, and then once more', async () => {
    const world = keySetOf(loaded(old))
    await world.set.refresh()
    world.now += 29_999
    assert.equal(world.set.refresh(), undefined)
    world.now += 1
    await Promise.all([world.set.refresh(), world.set.refresh()])
    assert.equal(world.loads, 2)
  })

  for (const [state, answer] of [
    ['the source is down', failed('unreachable', 'ECONNREFUSED')],
    ['the set is empty', loaded()],
    ['the set is garbage', { kind: 'loaded', text: '<html>' }],
  ] as const)
    test(`holds the cooldown while ${state}`, async () => {
      const world = keySetOf(answer)
      await world.set.refresh()
      for (let request = 0; request < 100; request += 1) assert.equal(world.set.refresh(), undefined)
      assert.equal(world.loads, 1)
      assert.equal(world.kids(), undefined)
    })

  test('takes over new keys and forgets those that are gone', async () => {
    const world = keySetOf(loaded(old))
    await world.set.refresh()
    const [before] = world.set.find('old', 'ES256') ?? []
    world.answer = loaded(old, young)
    world.now += 30_000
    await world.set.refresh()
    assert.deepEqual(world.kids('young'), ['young'])
    assert.ok(before && world.set.trusts(before), 'a key that stays keeps its standing')
    world.answer = loaded(young)
    world.now += 30_000
    await world.set.refresh()
    assert.deepEqual(world.kids('old'), [])
    assert.ok(!world.set.trusts(before))
  })

  for (const [what, answer] of [
    ['an empty set', loaded()],
    ['only weak keys', loaded({ kty: 'oct', k: 'x' })],
    ['garbage', { kind: 'loaded', text: 'x' }],
    ['an outage', failed('status', 'answered 500')],
  ] as const)
    test(`keeps the last good keys over ${what}, up to max_stale`, async () => {
      const world = keySetOf(loaded(old))
      await world.set.refresh()
      const [key] = world.set.find('old', 'ES256') ?? []
      world.answer = answer
      world.now += 86_400_000
      await world.set.refresh()
      assert.deepEqual(world.kids('old'), ['old'])
      assert.equal(world.set.status().ready, true)
      assert.ok(world.set.status().last_error)
      world.now += 1
      assert.equal(world.kids('old'), undefined)
      assert.equal(world.set.status().ready, false)
      assert.ok(key && !world.set.trusts(key))
    })

  test('believes the same text anew, without importing it again', async () => {
    const world = keySetOf(loaded(old))
    await world.set.refresh()
    world.now += 86_400_000
    await world.set.refresh()
    world.now += 86_400_000
    assert.deepEqual(world.kids('old'), ['old'])
    assert.equal(world.set.status().age_ms, 86_400_000)
  })

  test('counts age from the start of the load', async () => {
    const answer = Promise.withResolvers<Loaded>()
    const world = keySetOf(() => answer.promise)
    const loading = world.set.refresh()
    world.now += 1500
    answer.resolve(loaded(old))
    await loading
    assert.equal(world.set.status().age_ms, 1500)
  })

  test('gives a token without kid up to four keys of its algorithm', async () => {
    const many = Array.from({ length: 6 }, (_, index) => newSigner('ES256', `k${index}`).jwk)
    const world = keySetOf(loaded(...many, newSigner('EdDSA', 'ed').jwk))
    await world.set.refresh()
    assert.deepEqual(world.kids(), ['k0', 'k1', 'k2', 'k3'])
    assert.deepEqual(
      world.set.find(undefined, 'EdDSA')?.map((key) => key.kid),
      ['ed'],
    )
    assert.deepEqual(world.set.find('ed', 'ES256'), [], 'a name finds no key of another type')
    assert.deepEqual(world.set.find('__proto__', 'ES256'), [])
    assert.deepEqual(world.set.find('../../dev/null', 'ES256'), [])
  })

  test('ends a load that pays no heed to its signal within two seconds', async () => {
    const world = keySetOf(() => new Promise(() => {}))
    const before = performance.now()
    // The deadline's timer is the only thing left: keep the process up for it.
    await world.set.refresh()
    const waited = performance.now() - before
    assert.ok(waited > 1900 && waited < 2500, `${waited} ms`)
    assert.match(world.set.status().last_error ?? '', /^timeout/)
  })

  test('refreshes in the background, and sooner after a failure', async () => {
    const world = keySetOf(loaded(old), { cooldown: 0, refresh: 20 })
    await eventually('three loads', () => world.loads >= 3)
    world.answer = failed('unreachable', 'ECONNREFUSED')
    const before = world.loads
    await eventually('three more loads', () => world.loads >= before + 3)
    world.answer = loaded(young)
    await eventually('the new key', () => world.kids('young')?.length === 1)
    world.set.stop()
  })

  test('goes on refreshing when a timer comes before its time', async () => {
    const world = keySetOf(loaded(old), { cooldown: 20, refresh: 20 })
    await world.set.refresh()
    const early = setTimeout(() => (world.now += 20), 70) // until then the cooldown is not over by this clock
    await eventually('a later timer loads', () => world.loads === 2, 1000)
    clearTimeout(early)
    world.set.stop()
  })

  test('stops loading in the background, but still answers those who hold it', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const world = keySetOf(loaded(old), { cooldown: 0, refresh: 5000 })
    await world.set.refresh()
    t.mock.timers.tick(5000)
    await world.set.refresh()
    assert.equal(world.loads, 2)
    world.set.stop()
    t.mock.timers.tick(60_000)
    assert.equal(world.loads, 2)
    assert.deepEqual(world.kids('old'), ['old'])
    await world.set.refresh()
    assert.equal(world.loads, 3)
  })

  test('may be stopped in the middle of a load', async () => {
    const answer = Promise.withResolvers<Loaded>()
    const world = keySetOf(() => answer.promise)
    const loading = world.set.refresh()
    world.set.stop()
    answer.resolve(failed('unreachable', 'ECONNRESET'))
    await loading
    assert.equal(world.kids(), undefined)
  })

  test('counts outcomes, refused keys and keys, and warns once per kind of failure', async () => {
    const world = keySetOf(loaded(old, { kty: 'oct', k: 'x' }))
    await world.set.refresh()
    world.answer = failed('status', 'answered 500')
    for (let round = 0; round < 3; round += 1) {
      world.now += 30_000
      await world.set.refresh()
    }
    const text = await world.metrics.registry.metrics()
    assert.match(text, /heimdall_keyset_fetches_total\{authenticator="acme",outcome="ok"\} 1/)
    assert.match(text, /heimdall_keyset_fetches_total\{authenticator="acme",outcome="status"\} 3/)
    assert.match(text, /heimdall_keyset_keys_refused_total\{authenticator="acme",reason="symmetric"\} 1/)
    assert.match(text, /heimdall_keyset_keys\{authenticator="acme"\} 1/)
    assert.match(text, /heimdall_keyset_age_seconds\{authenticator="acme"\} 90/)
    assert.deepEqual(world.warned, ['{"authenticator":"acme","error":"status: answered 500"}'])
  })
})
