import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { capacityOf } from '#resilience/overload/capacity.ts'

const MiB = 1024 * 1024
const memories = (heap: number, resident: number, used = 64) => ({
  heap: { limit: heap * MiB, used: () => 16 * MiB },
  resident: { limit: resident * MiB, used: () => used * MiB },
})

suite('the capacity of a process', () => {
  test('ends somewhere, however large the machine', () => {
    assert.deepEqual(capacityOf(memories(4096, 64 * 1024), 0.9), { connections: 16_384, in_flight: 4096 })
  })

  test('follows from the memory of a small container', () => {
    const { connections, in_flight } = capacityOf(memories(256, 256), 0.9)
    assert.ok(connections > 1000 && connections < 2000, `${connections} connections`)
    assert.ok(in_flight > 150 && in_flight < 300, `${in_flight} requests`)
  })

  test('follows from a small heap', () => {
    const { connections, in_flight } = capacityOf(memories(64, 4096), 0.9)
    assert.ok(connections < 1500 && in_flight < 500)
  })

  test('holds in the memory it was made for', () => {
    for (const size of [160, 256, 512, 1024, 2048]) {
      const { connections, in_flight } = capacityOf(memories(4096, size), 0.9)
      assert.ok(64 + (connections * 40 + in_flight * 448) / 1024 <= size * 0.9, `${size} MiB`)
    }
  })

  test('is never nothing', () => {
    assert.deepEqual(capacityOf(memories(16, 32), 0.01), { connections: 64, in_flight: 16 })
  })
})
