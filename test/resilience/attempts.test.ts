import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createAttemptBreaker, type AttemptBreaker } from '#resilience/attempts.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { until } from '../support/wire.ts'

const error = new Error('no answer')

function make() {
  const metrics = createMetrics()
  const settings = { volume: 10, errorShare: 0.5, window: 10_000, resetAfter: 50 }
  return createAttemptBreaker('test', { ...settings, metrics, log: silent })
}

/** Lets failing attempts go until it opens. */
async function open(breaker: AttemptBreaker): Promise<void> {
  for (let count = 0; count < 10; count += 1) breaker.admit()?.failed(error)
  await until(() => breaker.admit() === undefined, 'the breaker to open')
}

/** The attempt that a half-open breaker lets go. */
async function trial(breaker: AttemptBreaker) {
  let attempt = breaker.admit()
  await until(() => (attempt ??= breaker.admit()) !== undefined, 'the breaker to let one try')
  assert.ok(attempt)
  return attempt
}

suite('the breaker for attempts', () => {
  test('stays closed while fewer fail than the share', async () => {
    const breaker = make()
    for (let count = 0; count < 60; count += 1) {
      if (count % 3 === 0) breaker.admit()?.failed(error)
      else breaker.admit()?.succeeded()
    }
    await new Promise((resolve) => setImmediate(resolve))
    assert.notEqual(breaker.admit(), undefined)
    breaker.close()
  })

  test('opens when more fail than the share, once there are enough', async () => {
    const breaker = make()
    for (let count = 0; count < 9; count += 1) breaker.admit()?.failed(error)
    await new Promise((resolve) => setImmediate(resolve))
    assert.notEqual(breaker.admit(), undefined)
    breaker.admit()?.failed(error)
    await until(() => breaker.admit() === undefined, 'the breaker to open')
    breaker.close()
  })

  test('counts no attempt that was abandoned', async () => {
    const breaker = make()
    for (let count = 0; count < 50; count += 1) breaker.admit()?.abandoned()
    await new Promise((resolve) => setImmediate(resolve))
    assert.notEqual(breaker.admit(), undefined)
    breaker.close()
  })

  test('lets exactly one try after a while, and closes when that one succeeds', async () => {
    const breaker = make()
    await open(breaker)
    const attempt = await trial(breaker)
    assert.equal(breaker.admit(), undefined)
    attempt.succeeded()
    await until(() => breaker.admit() !== undefined, 'the breaker to close')
    assert.notEqual(breaker.admit(), undefined)
    breaker.close()
  })

  test('opens again when the one that tries fails or goes away', async () => {
    for (const end of ['failed', 'abandoned'] as const) {
      const breaker = make()
      await open(breaker)
      const attempt = await trial(breaker)
      if (end === 'failed') attempt.failed(error)
      else attempt.abandoned()
      const again = await trial(breaker)
      again.succeeded()
      await until(() => breaker.admit() !== undefined, 'the breaker to close')
      breaker.close()
    }
  })

  test('lets everything through once closed for good, for requests of an old version of the file', async () => {
    const breaker = make()
    await open(breaker)
    breaker.close()
    assert.notEqual(breaker.admit(), undefined)
  })
})
