/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createLru } from '#cache/lru.ts'
import { createMetrics } from '#telemetry/metrics.ts'

suite('createLru', () => {
  test('forgets what was used least recently when it is full', () => {
    const lru = createLru<{ n: number }>('test', 2, createMetrics())
    lru.set('a', { n: 1 })
    lru.set('b', { n: 2 })
    lru.get('a')
    lru.set('c', { n: 3 })
    assert.deepEqual([lru.get('a'), lru.get('b'), lru.get('c')], [{ n: 1 }, undefined, { n: 3 }])
    assert.equal(lru.size, 2)
  })

  test('shows how full it is', async () => {
    const metrics = createMetrics()
    const lru = createLru<object>('test', 10, metrics)
    const shown = async () => (await metrics.cacheEntries.get()).values[0]
    assert.deepEqual(await shown(), { labels: { cache: 'test' }, value: 0 })
    lru.set('a', {})
    lru.set('b', {})
    lru.delete('a')
    assert.equal((await shown())?.value, 1)
  })
})
