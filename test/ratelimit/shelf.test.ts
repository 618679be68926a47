import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { createGarbageCollector } from '#resilience/overload/garbage-collector.ts'
import { Shelf } from '#ratelimit/shelf.ts'
import { newWindow, take, type Quota, type Window } from '#ratelimit/window.ts'

const MOST = 40
const quota: Quota = { count: 100, period: 1_000_000 }

/** One step: take so many requests under a key, empty its window, look at it, or drop the one not used for longest. */
const steps = fc.array(
  fc.record({
    what: fc.constantFrom('take', 'take', 'take', 'empty', 'peek', 'drop'),
    key: fc.integer({ min: 0, max: 50 }).map(String),
    requests: fc.integer({ min: 1, max: 20 }),
  }),
  { maxLength: 300 },
)

/** A shelf, and a map of windows in the order of use, which it is to be like. */
function pair() {
  const shelf = new Shelf(quota, MOST)
  const model = new Map<string, Window>()
  const both = (key: string, act: (window: Window) => void) => {
    const slot = shelf.use(key) ?? shelf.add(key)
    shelf.with(slot, act)
    const window = model.get(key) ?? newWindow()
    act(window)
    model.delete(key)
    model.set(key, window)
  }
  const drop = () => {
    shelf.dropOldest()
    model.delete(model.keys().next().value ?? '')
  }
  return { shelf, model, both, drop }
}

/** All that a shelf holds, in the order of use; it is empty afterwards. */
function drain(shelf: Shelf): Window[] {
  const windows: Window[] = []
  for (let slot = shelf.oldest; slot !== undefined; slot = shelf.oldest) {
    windows.push(shelf.with(slot, (window) => structuredClone(window)))
    shelf.dropOldest()
  }
  return windows
}

suite('Shelf', () => {
  test('keeps windows of any size apart, in the order of use', () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const { shelf, model, both, drop } = pair()
        for (const [index, { what, key, requests }] of steps.entries()) {
          if (what === 'drop' || (model.size === MOST && !model.has(key))) drop()
          if (what === 'peek') assert.equal(shelf.peek(key) !== undefined, model.has(key))
          if (what === 'empty') both(key, (window) => Object.assign(window, newWindow()))
          if (what === 'take')
            both(key, (window) => {
              for (let request = 0; request < requests; request += 1) take(window, quota, index * 100_000 + request)
            })
          assert.equal(shelf.size, model.size)
        }
        assert.deepEqual(drain(shelf), [...model.values()])
        assert.equal(shelf.size, 0)
      }),
      { numRuns: 500 },
    )
  })

  test('has nothing to drop while it is empty', () => {
    const shelf = new Shelf(quota, MOST)
    shelf.dropOldest()
    assert.deepEqual([shelf.size, shelf.oldest, shelf.peek('alice')], [0, undefined, undefined])
  })

  test('takes no more than 100 bytes for a window of one entry, beside the text of its key', () => {
    const collect = createGarbageCollector()
    const keys = Array.from({ length: 100_000 }, (_, index) => `person-${index}`)
    const used = () => {
      collect()
      const { heapUsed, external } = process.memoryUsage()
      return heapUsed + external
    }
    const before = used()
    const shelf = new Shelf(quota, keys.length)
    for (const key of keys) shelf.with(shelf.add(key), (window) => take(window, quota, 5_000_000_000_000))
    const bytes = (used() - before) / keys.length
    assert.equal(shelf.size, keys.length)
    assert.ok(bytes < 100, `${bytes} bytes`)
  })
})
