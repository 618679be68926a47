import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createRelief } from '#http/relief.ts'
import type { ListenerLimits } from '#http/server.ts'

type Level = 'free' | 'strained' | 'full' | 'critical'

/** `advance` lets 100 ms pass and calls the relief, as a sample does. */
function world({ most = 1000, collection = 10 } = {}) {
  const state = { now: 0, memory: 'free' as Level, open: 0, limits: undefined as ListenerLimits | undefined }
  const done: string[] = []
  const relieve = createRelief({
    overload: {
      get memory() {
        return state.memory
      },
    },
    clients: {
      get connections() {
        return state.open
      },
      limit: (limits) => (state.limits = limits),
      cutIdle: () => void done.push('cut idle'),
      cutYoungest: (share) => void done.push(`cut ${share}`),
    },
    most: () => most,
    collect: () => {
      state.now += collection
      done.push('collect')
    },
    now: () => state.now,
  })
  const advance = (memory: Level, times = 1) => {
    state.memory = memory
    for (let index = 0; index < times; index += 1) {
      state.now += 100
      relieve()
    }
    return done.splice(0)
  }
  return { state, advance }
}

suite('relief of memory', () => {
  test('is nothing while there is room', () => {
    const { state, advance } = world()
    assert.deepEqual(advance('free', 100), [])
    assert.deepEqual(state.limits, { connections: 1000, keepAlive: true })
  })

  test('keeps no connections alive and collects garbage now and then when it is strained', () => {
    const { state, advance } = world()
    assert.deepEqual(advance('strained', 49), ['collect'])
    assert.deepEqual(advance('strained', 49), ['collect'])
    assert.deepEqual(state.limits, { connections: 1000, keepAlive: false })
  })

  test('lets no connection come on top when it is full, and closes idle ones every second', () => {
    const { state, advance } = world()
    state.open = 300
    assert.deepEqual(advance('full', 9), ['cut idle', 'collect'])
    state.open = 100
    assert.deepEqual(advance('full', 9), ['cut idle', 'collect'])
    assert.deepEqual(state.limits, { connections: 100, keepAlive: false })
    state.open = 110
    advance('full')
    assert.equal(state.limits?.connections, 100, 'those that are there to be refused do not raise it')
    state.open = 0
    advance('full')
    assert.equal(state.limits?.connections, 16, 'some are always let in')
    advance('free')
    assert.deepEqual(state.limits, { connections: 1000, keepAlive: true })
  })

  test('cuts the youngest with every sample when it is critical, and collects what they leave', () => {
    const { advance } = world()
    assert.deepEqual(advance('critical', 3), [
      'cut 0.125',
      'cut idle',
      'collect',
      'cut 0.125',
      'collect',
      'cut 0.125',
      'collect',
    ])
  })

  test('spends a tenth of the time on collections at most', () => {
    const { advance } = world({ collection: 400 })
    const collections = advance('critical', 100).filter((what) => what === 'collect').length
    assert.ok(collections <= 4, `${collections} collections of 400 ms in 10 s`)
  })
})
