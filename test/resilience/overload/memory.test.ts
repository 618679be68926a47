import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { suite, test } from 'node:test'

import { containerUsage } from '#resilience/overload/container.ts'
import { createGarbageCollector } from '#resilience/overload/garbage-collector.ts'
import { createMemories, oldGenerationLimit } from '#resilience/overload/memory.ts'

const MiB = 1024 * 1024

/** What a Node with these flags says of its heap as a whole, bytes. */
function heapLimit(...flags: readonly string[]): number {
  const code = 'process.stdout.write(String(v8.getHeapStatistics().heap_size_limit))'
  return Number(execFileSync(process.execPath, [...flags, '-e', code], { env: {}, encoding: 'utf8' }))
}

suite('the limit of the old generation', () => {
  const cases = [
    { flags: ['--max-old-space-size=128'], limit: 128 },
    { flags: ['--max_old_space_size=1024'], limit: 1024 },
    { flags: ['--max-old-space-size=64', '--max-semi-space-size=4'], limit: 64 },
    { flags: ['--max-old-space-size=64', '--max-old-space-size=96'], limit: 96 },
  ]
  for (const { flags, limit } of cases) {
    test(`is what ${flags.join(' ')} says`, () => {
      assert.equal(oldGenerationLimit(heapLimit(...flags), flags.join(' ')), limit * MiB)
    })
  }

  test('is never too high when the flag is a percentage', () => {
    const flags = ['--max-old-space-size-percentage=5']
    const whole = heapLimit(...flags)
    const limit = oldGenerationLimit(whole, flags.join(' '))
    assert.ok(limit <= whole - 3 * 16 * MiB && limit > 0)
  })

  test('is what remains beside semi-spaces of a known size', () => {
    const limit = oldGenerationLimit(heapLimit('--max-semi-space-size=16'), '--max-semi-space-size=16')
    assert.equal(limit, heapLimit('--max-semi-space-size=16') - 48 * MiB)
  })

  test('is never set too high where V8 chose it by the memory of the container', () => {
    // heap_size_limit and old generation as V8 24 divides them, in MiB
    for (const [whole, old] of [
      [259, 256],
      [560, 512],
      [1120, 1024],
      [2240, 2048],
      [4288, 4096],
    ] as const) {
      const limit = oldGenerationLimit(whole * MiB, '') / MiB
      assert.ok(limit <= old && limit >= old * 0.92, `${limit} of ${old}`)
    }
  })
})

suite('the memories of a process', () => {
  test('fill as it keeps things, and empty when garbage is collected', () => {
    const { heap, resident } = createMemories('')
    const collect = createGarbageCollector()
    collect()
    const before = { heap: heap.used(), resident: resident.used() }
    let kept: unknown[] | undefined = Array.from({ length: 400_000 }, (_, index) => ({ index, text: `text ${index}` }))
    collect()
    assert.equal(kept.length, 400_000)
    const between = { heap: heap.used(), resident: resident.used() }
    kept = undefined
    collect()
    const after = { heap: heap.used(), resident: resident.used() }
    assert.ok(between.heap - before.heap > 15 * MiB && between.resident - before.resident > 10 * MiB)
    assert.ok(after.heap < before.heap + 3 * MiB, 'the heap is as empty as before')
    assert.ok(after.resident < between.resident - 10 * MiB, 'pages are given back')
    assert.ok(heap.limit > heap.used() && resident.limit > resident.used())
  })

  test('are read from the container where there is one', () => {
    const usage = containerUsage()
    if (usage === undefined) return
    assert.ok(usage() > 0 && Number.isFinite(usage()))
  })

  test('do not show the collector to anybody else', () => {
    createGarbageCollector()
    assert.equal('gc' in globalThis, false)
  })
})
