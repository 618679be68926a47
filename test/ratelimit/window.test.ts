import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { giveBack, newWindow, ranOut, take, type Quota } from '#ratelimit/window.ts'

import { arrivals, type Step } from '../support/arrivals.ts'

const fivePerSecond: Quota = { count: 5, period: 1_000_000 }

/** How many of `tries` requests at one moment pass. */
function burst(window: ReturnType<typeof newWindow>, quota: Quota, time: number, tries: number): number {
  return Array.from({ length: tries }).filter(() => take(window, quota, time).allowed).length
}

/** Plays arrivals against a log of every request that passed; returns the times of those that were not given back. */
function play(quota: Quota, steps: readonly Step[]) {
  const window = newWindow()
  const log: number[] = []
  let undone = 0
  let now = 0
  for (const step of steps) {
    now += step.gap
    for (const at of log.splice(log.length - undone)) giveBack(window, quota, at, now) // those of the step before
    const begin = log.length
    for (let request = 0; request < step.requests; request += 1) {
      const { allowed } = take(window, quota, now)
      const recent = log.length - log.findLastIndex((time) => time <= now - quota.period) - 1
      assert.ok(allowed || recent >= quota.count, `refused at ${now} although only ${recent} passed in the last period`)
      if (allowed) log.push(now)
    }
    undone = Math.min(step.undone, log.length - begin)
  }
  return log
}

function mostInOnePeriod(times: readonly number[], period: number): number {
  let most = 0
  let end = 0
  for (const [index, time] of times.entries()) {
    while ((times[end] ?? Infinity) < time + period) end += 1
    most = Math.max(most, end - index)
  }
  return most
}

suite('window', () => {
  test('lets exactly the quota pass at once', () => {
    for (const count of [1, 5, 16, 100, 1000, 12_345]) {
      assert.equal(burst(newWindow(), { count, period: 1_000_000 }, 7, count + 50), count)
    }
  })

  test('opens again one period after the first request, to the microsecond', () => {
    const window = newWindow()
    burst(window, fivePerSecond, 100, 5)
    assert.equal(burst(window, fivePerSecond, 1_000_099, 5), 0)
    assert.equal(burst(window, fivePerSecond, 1_000_100, 9), 5)
  })

  test('never refuses a client that keeps to the rate', () => {
    for (const count of [1, 2, 5, 16, 17, 100, 250]) {
      const [window, quota] = [newWindow(), { count, period: 1_000_000 }]
      const times = Array.from({ length: 5 * count }, (_, index) => Math.ceil((index * quota.period) / count))
      assert.deepEqual(
        times.filter((time) => !take(window, quota, time).allowed),
        [],
      )
    }
  })

  test('says how many more pass, and when the next will', () => {
    const window = newWindow()
    assert.deepEqual(take(window, fivePerSecond, 0), { allowed: true, remaining: 4, wait: 1_000_000, at: 0 })
    burst(window, fivePerSecond, 300_000, 4)
    assert.deepEqual(take(window, fivePerSecond, 400_000), { allowed: false, remaining: 0, wait: 600_000, at: 400_000 })
    assert.deepEqual(take(window, fivePerSecond, 1_000_000), {
      allowed: true,
      remaining: 0,
      wait: 300_000,
      at: 1_000_000,
    })
  })

  test('counts no refused request', () => {
    const window = newWindow()
    burst(window, fivePerSecond, 0, 5)
    const before = structuredClone(window)
    burst(window, fivePerSecond, 500_000, 1000)
    assert.deepEqual(window, before)
  })

  test('gives a request back as if it had never been', () => {
    const window = newWindow()
    take(window, fivePerSecond, 0)
    take(window, fivePerSecond, 10)
    giveBack(window, fivePerSecond, 0, 15)
    assert.equal(burst(window, fivePerSecond, 20, 9), 4)
    assert.equal(burst(window, fivePerSecond, 1_000_009, 9), 0)
    assert.equal(burst(window, fivePerSecond, 1_000_010, 9), 1)
  })

  test('ignores what is given back too late', () => {
    const window = newWindow()
    take(window, fivePerSecond, 0)
    take(window, fivePerSecond, 500_000)
    giveBack(window, fivePerSecond, 0, 1_000_000)
    assert.equal(burst(window, fivePerSecond, 1_000_000, 9), 4)
    giveBack(newWindow(), fivePerSecond, 0, 0)
  })

  test('gives nobody more when the clock steps back', () => {
    const window = newWindow()
    burst(window, fivePerSecond, 900_000, 3)
    assert.equal(take(window, fivePerSecond, 200_000).at, 900_000)
    assert.equal(burst(window, fivePerSecond, 200_000, 9), 1)
    assert.equal(burst(window, fivePerSecond, 1_500_000, 9), 0)
  })

  test('starts afresh when its times lie further ahead than a period', () => {
    const window = newWindow()
    burst(window, fivePerSecond, 3_600_000_000, 5)
    assert.equal(burst(window, fivePerSecond, 100, 9), 5)
  })

  test('knows when it counts nothing any more', () => {
    const window = newWindow()
    assert.equal(ranOut(window, fivePerSecond, 0), true)
    take(window, fivePerSecond, 0)
    assert.equal(ranOut(window, fivePerSecond, 999_999), false)
    assert.equal(ranOut(window, fivePerSecond, 1_000_000), true)
  })

  test('lets at most COUNT × 17/16 pass in any stretch of one period, and refuses nobody below COUNT', () => {
    fc.assert(
      fc.property(arrivals(), ({ quota, steps }) => {
        const most = mostInOnePeriod(play(quota, steps), quota.period)
        assert.ok(most <= (quota.count * 17) / 16, `${most} of ${quota.count} passed within one period`)
        if (quota.count < 32)
          assert.ok(most <= quota.count, `${most} of ${quota.count} passed, which ought to be exact`)
      }),
      { numRuns: 1000 },
    )
  })

  test('never holds more than 33 entries, however thin giving back makes them', () => {
    const [window, quota] = [newWindow(), { count: 160, period: 1_000_000 }]
    for (let round = 0; round < 20; round += 1) {
      const taken = Array.from({ length: 160 }, (_, index) => take(window, quota, round * 160 + index))
      for (const { allowed, at } of taken) if (allowed && at % 10 !== 0) giveBack(window, quota, at, at)
    }
    assert.ok(window.firsts.length <= 33, `${window.firsts.length} entries`)
    assert.ok(Math.max(...window.sizes) <= 10, `an entry of ${Math.max(...window.sizes)}`)
    assert.ok(window.total > 100)
  })
})
