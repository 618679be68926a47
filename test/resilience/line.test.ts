/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { createLine, type Waiting } from '#resilience/line.ts'

interface One extends Waiting {
  readonly name: number
}

const places = { all: 10, strangers: 6, each: 3 }
const known = (name: number): One => ({ name, stranger: undefined })
const stranger = (name: number, client = 'a'): One => ({ name, stranger: client })
const names = (line: readonly One[]) => line.map(({ name }) => name)

suite('line', () => {
  test('lets the known go first, each kind in the order of coming', () => {
    const line = createLine<One>(places)
    for (const one of [stranger(1), known(2), stranger(3), known(4)]) assert.ok(line.join(one))
    assert.deepEqual(names(line.take(3)), [2, 4, 1])
    assert.deepEqual(names(line.take(3)), [3])
    assert.equal(line.length, 0)
  })

  test('gives one stranger a share of the places, and strangers together a part of them', () => {
    const line = createLine<One>(places)
    const joined = (client: string) => line.join(stranger(0, client))
    assert.deepEqual(['a', 'a', 'a', 'a'].map(joined), [true, true, true, false])
    assert.deepEqual(['b', 'b', 'b', 'c'].map(joined), [true, true, true, false])
    const others = Array.from({ length: 5 }, (_, index) => line.join(known(index)))
    assert.deepEqual(others, [true, true, true, true, false])
  })

  test('gives a place free when it is left, once', () => {
    const line = createLine<One>({ all: 2, strangers: 1, each: 1 })
    const first = stranger(1)
    assert.deepEqual([line.join(first), line.join(stranger(2))], [true, false])
    line.leave(first)
    line.leave(first)
    assert.ok(line.join(stranger(3)))
    assert.deepEqual(names(line.take(5)), [3])
  })

  test('keeps its bounds and loses nobody, whatever happens', () => {
    const step = fc.record({
      client: fc.constantFrom(undefined, 'a', 'b'),
      act: fc.constantFrom('join', 'leave', 'take'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const line = createLine<One>(places)
        let waiting: One[] = []
        for (const [name, { client, act }] of steps.entries()) {
          const one = { name, stranger: client }
          if (act === 'join' && line.join(one)) waiting.push(one)
          const [first] = waiting
          if (act === 'leave' && first !== undefined) line.leave(first)
          const gone = act === 'take' ? line.take(2) : act === 'leave' ? [first] : []
          waiting = waiting.filter((held) => !gone.includes(held))
          assert.equal(line.length, waiting.length)
          assert.ok(line.length <= places.all)
          const strangers = waiting.filter((held) => held.stranger !== undefined)
          assert.ok(strangers.length <= places.strangers)
          assert.ok(strangers.filter((held) => held.stranger === 'a').length <= places.each)
        }
      }),
    )
  })
})
