import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createMemoryStore } from '#ratelimit/memory.ts'
import type { Quota } from '#ratelimit/window.ts'

const once: Quota = { count: 1, period: 60_000_000 }

/** A store with a clock of the test's own, in milliseconds. */
function storeOf(most: number) {
  const clock = { now: 0 }
  return { clock, store: createMemoryStore({ now: () => clock.now, most }) }
}

suite('createMemoryStore', () => {
  test('never holds more windows than it may', () => {
    const { store } = storeOf(100)
    const counter = store.counter('by-header', once)
    for (let index = 0; index < 10_000; index += 1) counter.take(`key${index}`)
    assert.equal(store.size, 100)
  })

  test('keeps a count that is still asked for through a flood of other keys', () => {
    const { store } = storeOf(100)
    const counter = store.counter('by-header', once)
    assert.equal(counter.take('victim').allowed, true)
    for (let index = 0; index < 10_000; index += 1) {
      counter.take(`key${index}`)
      if (index % 50 === 0) assert.equal(counter.take('victim').allowed, false)
    }
  })

  test('lets a flood under one limit displace no count under another', () => {
    const { store } = storeOf(100)
    const users = store.counter('per-user', once)
    for (let index = 0; index < 40; index += 1) users.take(`user${index}`)
    const flooded = store.counter('by-header', once)
    for (let index = 0; index < 10_000; index += 1) flooded.take(`key${index}`)
    const forgotten = Array.from({ length: 40 }, (_, index) => users.take(`user${index}`)).filter((one) => one.allowed)
    assert.deepEqual(forgotten, [])
  })

  test('drops windows that have run out before any that count', () => {
    const { store, clock } = storeOf(100)
    const counter = store.counter('per-user', once)
    for (let index = 0; index < 100; index += 1) counter.take(`early${index}`)
    clock.now = 60_000
    for (let index = 0; index < 60; index += 1) counter.take(`late${index}`)
    assert.equal(store.size, 60)
    assert.equal(counter.take('late0').allowed, false)
  })

  test('keeps counts when a limit is compiled again', () => {
    const { store } = storeOf(100)
    store.counter('per-user', once).take('alice')
    assert.equal(store.counter('per-user', once).take('alice').allowed, false)
    assert.equal(store.counter('other', once).take('alice').allowed, true)
  })

  test('forgets limits that are gone from the file once their windows have run out', () => {
    const { store, clock } = storeOf(100)
    store.counter('old', once).take('alice')
    store.counter('new', once)
    assert.equal(store.size, 1)
    clock.now = 60_000
    store.counter('new', once)
    assert.equal(store.size, 0)
  })

  test('tells how long a key has no room, and counts nothing by that', () => {
    const { store, clock } = storeOf(100)
    const counter = store.counter('per-user', once)
    assert.deepEqual([counter.full('alice'), store.size], [0, 0])
    counter.take('alice')
    clock.now = 20_000
    assert.deepEqual([counter.full('alice'), counter.full('bob')], [40_000_000, 0])
    clock.now = 60_000
    assert.equal(counter.full('alice'), 0)
    assert.equal(counter.take('alice').allowed, true)
  })

  test('gives nothing back where nothing was counted', () => {
    const { store } = storeOf(100)
    const counter = store.counter('per-user', once)
    counter.giveBack('alice', 0)
    counter.take('bob')
    counter.giveBack('alice', 0)
    assert.equal(counter.take('bob').allowed, false)
  })
})
