/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createBadCredentials, type AskerFor } from '#gate/bad-credentials.ts'
import type { DenialCode } from '#request/denial.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { recordingLog } from '../support/limits.ts'
import { sample } from '../support/samples.ts'

function setUp({ most }: { most?: number } = {}) {
  const world = { now: 0 }
  const lines: string[] = []
  const metrics = createMetrics()
  const deps = { metrics, log: recordingLog(lines), now: () => world.now, ...(most !== undefined && { most }) }
  return { world, lines, metrics, bad: createBadCredentials(deps) }
}

const rate = { count: 5, period: 10_000 }

/** One request: asks for leave, and ends in a refusal if it gets it. */
function request(askerFor: AskerFor, client: string, ends: DenialCode = 'invalid_token') {
  const asker = askerFor(client)
  const refusal = asker.refuseWork()
  if (refusal === undefined) asker.charge(ends)
  return refusal
}

suite('bad credentials', () => {
  test('are worked on up to the rate, then refused with the time to wait', () => {
    const { world, bad } = setUp()
    const askers = bad.askers(rate)
    for (let turn = 0; turn < 5; turn += 1) {
      assert.equal(request(askers, '192.0.2.1'), undefined)
      world.now += 1000
    }
    const refusal = request(askers, '192.0.2.1')
    assert.deepEqual([refusal?.code, refusal?.headers], ['too_many_failures', { 'Retry-After': '5' }])
    world.now += 4999
    assert.equal(request(askers, '192.0.2.1')?.headers?.['Retry-After'], '1')
    world.now += 1
    assert.equal(request(askers, '192.0.2.1'), undefined, 'the window slides')
    assert.equal(request(askers, '192.0.2.1')?.code, 'too_many_failures')
  })

  test('are put down to their client: an IPv4 address, an IPv6 /64', () => {
    const { bad } = setUp()
    const askers = bad.askers(rate)
    for (let turn = 0; turn < 5; turn += 1) request(askers, `2001:db8::${turn}`)
    assert.equal(request(askers, '2001:db8::ffff')?.code, 'too_many_failures')
    assert.equal(request(askers, '2001:db8:0:1::1'), undefined)
    for (let turn = 0; turn < 5; turn += 1) request(askers, '192.0.2.1')
    assert.equal(request(askers, '192.0.2.1')?.code, 'too_many_failures')
    assert.equal(request(askers, '192.0.2.2'), undefined)
  })

  test('count only when they cost work and the client is to blame', () => {
    const { bad } = setUp()
    const askers = bad.askers(rate)
    for (let turn = 0; turn < 20; turn += 1) askers('192.0.2.1').charge('invalid_token')
    for (const code of ['store_unavailable', 'keys_unavailable', 'permission_denied', 'token_expired'] as const)
      for (let turn = 0; turn < 20; turn += 1) assert.equal(request(askers, '192.0.2.1', code), undefined)
    for (const code of [
      'invalid_token',
      'invalid_session',
      'invalid_api_key',
      'invalid_token',
      'invalid_token',
    ] as const)
      assert.equal(request(askers, '192.0.2.1', code), undefined)
    assert.equal(request(askers, '192.0.2.1')?.code, 'too_many_failures')
  })

  test('count nothing for a credential that turns out good', () => {
    const { bad } = setUp()
    const askers = bad.askers(rate)
    for (let turn = 0; turn < 100; turn += 1) assert.equal(askers('192.0.2.1').refuseWork(), undefined)
  })

  test('are counted across reloads that leave the rate as it is', () => {
    const { bad } = setUp()
    for (let turn = 0; turn < 5; turn += 1) request(bad.askers(rate), '192.0.2.1')
    assert.equal(request(bad.askers({ ...rate }), '192.0.2.1')?.code, 'too_many_failures')
    assert.equal(request(bad.askers({ ...rate, count: 6 }), '192.0.2.1'), undefined)
  })

  test('are worked on without end when the limit is off, and counted', async () => {
    const { bad, metrics } = setUp()
    const askers = bad.askers('off')
    for (let turn = 0; turn < 100; turn += 1) assert.equal(request(askers, '192.0.2.1'), undefined)
    assert.equal(sample(await metrics.registry.metrics(), 'heimdall_bad_credentials_total'), 100)
  })

  test('fill no memory: the clients not heard of for longest are forgotten', async () => {
    const { bad, metrics } = setUp({ most: 10 })
    const askers = bad.askers(rate)
    for (let turn = 0; turn < 1000; turn += 1) request(askers, `198.51.${turn >> 8}.${turn & 255}`)
    assert.equal(sample(await metrics.registry.metrics(), 'heimdall_cache_entries', { cache: 'bad_credentials' }), 10)
  })

  test('are told to the log once a second at most', () => {
    const { world, lines, bad } = setUp()
    const askers = bad.askers(rate)
    for (let client = 0; client < 50; client += 1)
      for (let turn = 0; turn < 9; turn += 1) request(askers, `192.0.2.${client}`)
    assert.deepEqual(lines, ['warn too many bad credentials'])
    world.now += 1000
    for (let turn = 0; turn < 9; turn += 1) request(askers, '192.0.2.99')
    assert.equal(lines.length, 2)
  })
})
