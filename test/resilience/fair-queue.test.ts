/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { createFairQueue, type Waiting } from '#resilience/fair-queue.ts'

interface One extends Waiting {
  readonly name: number
}

const places = { all: 10, strangers: 6, each: 3 }
const known = (name: number): One => ({ name, stranger: undefined })
const stranger = (name: number, client = 'a'): One => ({ name, stranger: client })
const names = (line: readonly One[]) => line.map(({ name }) => name)

suite('fair queue', () => {
  test('lets the known go first, each kind in the order of coming', () => {
    const queue = createFairQueue<One>(places)
    for (const one of [stranger(1), known(2), stranger(3), known(4)]) assert.ok(queue.join(one))
    assert.deepEqual(names(queue.take(3)), [2, 4, 1])
    assert.deepEqual(names(queue.take(3)), [3])
    assert.equal(queue.length, 0)
  })

  test('gives one stranger a share of the places, and strangers together a part of them', () => {
    const queue = createFairQueue<One>(places)
    const joined = (client: string) => queue.join(stranger(0, client))
    assert.deepEqual(['a', 'a', 'a', 'a'].map(joined), [true, true, true, false])
    assert.deepEqual(['b', 'b', 'b', 'c'].map(joined), [true, true, true, false])
    const others = Array.from({ length: 5 }, (_, index) => queue.join(known(index)))
    assert.deepEqual(others, [true, true, true, true, false])
  })

  test('gives a place free when it is left, once', () => {
    const queue = createFairQueue<One>({ all: 2, strangers: 1, each: 1 })
    const first = stranger(1)
    assert.deepEqual([queue.join(first), queue.join(stranger(2))], [true, false])
    queue.leave(first)
    queue.leave(first)
    assert.ok(queue.join(stranger(3)))
    assert.deepEqual(names(queue.take(5)), [3])
  })

  test('keeps its bounds and loses nobody, whatever happens', () => {
    const step = fc.record({
      client: fc.constantFrom(undefined, 'a', 'b'),
      act: fc.constantFrom('join', 'leave', 'take'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = createFairQueue<One>(places)
        let waiting: One[] = []
        for (const [name, { client, act }] of steps.entries()) {
          const one = { name, stranger: client }
          if (act === 'join' && queue.join(one)) waiting.push(one)
          const [first] = waiting
          if (act === 'leave' && first !== undefined) queue.leave(first)
          const gone = act === 'take' ? queue.take(2) : act === 'leave' ? [first] : []
          waiting = waiting.filter((held) => !gone.includes(held))
          assert.equal(queue.length, waiting.length)
          assert.ok(queue.length <= places.all)
          const strangers = waiting.filter((held) => held.stranger !== undefined)
          assert.ok(strangers.length <= places.strangers)
          assert.ok(strangers.filter((held) => held.stranger === 'a').length <= places.each)
        }
      }),
    )
  })
})
