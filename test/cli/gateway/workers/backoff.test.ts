import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createBackoff } from '#cli/gateway/workers/backoff.ts'

const pauses = (lives: readonly number[], random: (below: number) => number) => {
  const backoff = createBackoff(random)
  return lives.map((lived) => backoff.after(lived))
}

suite('the pause before a worker is replaced', () => {
  test('doubles with each early death, and has an end', () => {
    const longest = pauses(Array(12).fill(0), (below) => below - 1)
    assert.deepEqual(longest.slice(0, 4), [100, 200, 400, 800])
    assert.equal(longest.at(-1), 30_000)
  })

  test('is left to chance by half, so that workers do not start together', () => {
    const [first = 0, second = 0] = pauses([0, 0], () => 0)
    assert.deepEqual([first, second], [50, 100])
    const drawn = new Set(Array.from({ length: 50 }, () => createBackoff().after(0)))
    assert.ok(drawn.size > 5)
  })

  test('is short again for one that lived for long', () => {
    const [, , third, fourth] = pauses([0, 0, 0, 60_000], (below) => below - 1)
    assert.deepEqual([third, fourth], [400, 100])
  })
})
