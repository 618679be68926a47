import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { added, median, percentile, ratio, spread } from '../../bench/statistics.ts'

suite('statistics of benchmarks', () => {
  test('the median is the middle value, or between the two', () => {
    assert.equal(median([9, 1, 5]), 5)
    assert.equal(median([4, 1, 3, 2]), 2.5)
    assert.ok(Number.isNaN(median([])))
    assert.deepEqual(spread([3, 1, 2]), [1, 3])
  })

  test('a percentile is one of the values, and the most is none below p100', () => {
    const hundred = Float64Array.from({ length: 100 }, (_, index) => index + 1)
    assert.equal(percentile(hundred, 0.5), 50)
    assert.equal(percentile(hundred, 0.99), 99)
    assert.equal(percentile(hundred, 0.999), 100)
    assert.equal(percentile([7], 0.05), 7)
    assert.ok(Number.isNaN(percentile([], 0.5)))
  })

  test('candidates are compared round by round, so that a slow round is slow for both', () => {
    assert.equal(ratio([10, 100, 10], [20, 200, 20]), 0.5)
    assert.equal(added([10, 110, 12], [8, 100, 8]), 4)
  })
})
