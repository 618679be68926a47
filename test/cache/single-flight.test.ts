/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createSingleFlight } from '#cache/single-flight.ts'

suite('createSingleFlight', () => {
  test('lets many who wait for one key share one fetch', async () => {
    const flights = createSingleFlight<number>(10)
    let fetches = 0
    const fetch = () => Promise.resolve((fetches += 1))
    const answers = await Promise.all(Array.from({ length: 50 }, async () => flights.join('key', fetch)))
    assert.deepEqual(new Set(answers), new Set([1]))
    assert.equal(fetches, 1)
  })

  test('fetches anew once the flight has ended, also when it failed', async () => {
    const flights = createSingleFlight<string>(10)
    await assert.rejects(flights.join('key', () => Promise.reject(new Error('away'))) ?? Promise.resolve(), /away/)
    assert.equal(await flights.join('key', () => Promise.resolve('back')), 'back')
  })

  test('turns away new keys when too many are under way', async () => {
    const flights = createSingleFlight<string>(1)
    const held = Promise.withResolvers<string>()
    const first = flights.join('a', () => held.promise)
    assert.equal(
      flights.join('b', () => Promise.resolve('never')),
      undefined,
    )
    assert.notEqual(
      flights.join('a', () => Promise.resolve('never')),
      undefined,
    )
    assert.deepEqual([flights.has('a'), flights.has('b')], [true, false])
    held.resolve('done')
    assert.equal(await first, 'done')
    assert.equal(await flights.join('b', () => Promise.resolve('now')), 'now')
  })
})
