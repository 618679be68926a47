import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createPick, type Weighted } from '#proxy/balance.ts'
import { Backend } from '#proxy/backend.ts'

function candidates(...weights: number[]): Weighted[] {
  return weights.map((weight, index) => {
    const url = `http://10.0.0.${index + 1}`
    const backend = new Backend({ upstream: 'a', url, ca: undefined, connections: 1, connectTimeout: 100 })
    return { weight, backend }
  })
}

function shares(list: readonly Weighted[], pick: () => Backend, times: number): number[] {
  const counts = new Map<Backend, number>()
  for (let count = 0; count < times; count += 1) {
    const backend = pick()
    counts.set(backend, (counts.get(backend) ?? 0) + 1)
  }
  return list.map(({ backend }) => counts.get(backend) ?? 0)
}

suite('balance', () => {
  test('round_robin gives each target its weight, without bursts', () => {
    const list = candidates(5, 1, 1)
    const pick = createPick('round_robin')
    const order = Array.from({ length: 7 }, () => pick(list, '').name.slice(-1))
    assert.deepEqual(order, ['1', '1', '2', '1', '3', '1', '1'])
    assert.deepEqual(
      shares(list, () => pick(list, ''), 70),
      [50, 10, 10],
    )
  })

  test('least_pending picks the target with the fewest requests for its weight', () => {
    const list = candidates(1, 1, 2)
    const pick = createPick('least_pending')
    const [a, b, c] = list.map(({ backend }) => backend)
    assert.ok(a && b && c)
    a.pending = 3
    b.pending = 1
    c.pending = 4
    assert.equal(pick(list, ''), b)
    b.pending = 2
    assert.equal(pick(list, ''), c)
  })

  test('least_pending spreads over idle targets', () => {
    const list = candidates(1, 1, 1)
    const pick = createPick('least_pending')
    assert.deepEqual(
      shares(list, () => pick(list, ''), 30),
      [10, 10, 10],
    )
  })

  test('hash keeps a key on its target, and moves only the keys of a target that left', () => {
    const list = candidates(1, 1, 1, 1)
    const pick = createPick('hash')
    const fewer = list.slice(1)
    const moved = Array.from({ length: 1000 }, (_, index) => `key ${index}`).filter((key) => {
      const before = pick(list, key)
      assert.equal(pick(list, key), before)
      return pick(fewer, key) !== before
    })
    assert.ok(moved.length > 180 && moved.length < 320, `${moved.length} of 1000 keys moved`)
    assert.ok(moved.every((key) => pick(list, key) === list[0]?.backend))
  })

  test('hash respects weights', () => {
    const list = candidates(3, 1)
    const pick = createPick('hash')
    let count = 0
    const [heavy = 0] = shares(list, () => pick(list, `key ${(count += 1)}`), 2000)
    assert.ok(heavy > 1400 && heavy < 1600, `${heavy} of 2000`)
  })
})
