import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'
import type { z } from 'zod'

import { duration, milliseconds, rate, size, speed } from '#values/units.ts'

function problems(schema: z.ZodType, value: unknown): readonly string[] {
  const result = schema.safeParse(value)
  return result.success ? [] : result.error.issues.map((issue) => issue.message)
}

suite('duration', () => {
  for (const [text, expected] of [
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['5min', 300_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
    ['36500d', 3_153_600_000_000],
  ] as const)
    test(`${text} is ${expected} ms`, () => {
      assert.equal(duration().parse(text), expected)
      assert.equal(milliseconds(text), expected)
    })

  for (const value of ['', '5', 's', '5 s', '-5s', '1.5s', '5S', '5ms ', '1h30m', '1e3s', '1234567890s', 5, null, true])
    test(`refuses ${JSON.stringify(value)} with one message`, () => {
      assert.deepEqual(problems(duration({ min: '1s', max: '1h' }), value), [
        'must be a duration such as 250ms, 30s, 5m or 1h',
      ])
    })

  test('lies within its bounds, both included', () => {
    const bounded = duration({ min: '1s', max: '1m' })
    assert.deepEqual([bounded.parse('1s'), bounded.parse('60s')], [1000, 60_000])
    assert.deepEqual(problems(bounded, '999ms'), ['must be at least 1s'])
    assert.deepEqual(problems(bounded, '61s'), ['must be at most 1m'])
  })

  test('without a bound ends where sums with a clock are still exact', () => {
    assert.deepEqual(problems(duration(), '36501d'), ['must be at most 36500d'])
    assert.deepEqual(problems(duration(), '999999999d'), ['must be at most 36500d'])
  })
})

suite('size', () => {
  for (const [text, expected] of [
    ['0B', 0],
    ['512B', 512],
    ['64KiB', 65_536],
    ['1MiB', 1_048_576],
    ['2GiB', 2_147_483_648],
  ] as const)
    test(`${text} is ${expected} bytes`, () => {
      assert.equal(size().parse(text), expected)
    })

  for (const value of ['', '64', '64KB', '64kib', '1.5MiB', '-1B', '1 MiB', 64])
    test(`refuses ${JSON.stringify(value)} with one message`, () => {
      assert.deepEqual(problems(size(), value), ['must be a size such as 64KiB or 1MiB'])
    })

  test('refuses what a number cannot tell exactly', () => {
    assert.deepEqual(problems(size(), '999999999GiB'), ['is too large to be counted'])
  })
})

suite('speed', () => {
  for (const [text, expected] of [
    ['1B/s', 1],
    ['500B/s', 500],
    ['64KiB/s', 65_536],
  ] as const)
    test(`${text} is ${expected} bytes per second`, () => {
      assert.equal(speed().parse(text), expected)
    })

  for (const value of ['', '500', '500B', '500/s', '500B/min', '500 B/s', '-1B/s', 'B/s', 500])
    test(`refuses ${JSON.stringify(value)} with one message`, () => {
      assert.deepEqual(problems(speed(), value), ['must be bytes per second such as 500B/s or 64KiB/s'])
    })

  test('refuses none at all and what a number cannot tell exactly', () => {
    assert.deepEqual(problems(speed(), '0KiB/s'), ['must be at least 1B/s'])
    assert.deepEqual(problems(speed(), '999999999GiB/s'), ['is too large to be counted'])
  })
})

suite('rate', () => {
  for (const [text, count, period] of [
    ['1000/min', 1000, 60_000],
    ['10/s', 10, 1000],
    ['6/m', 6, 60_000],
    ['1/h', 1, 3_600_000],
    ['7/d', 7, 86_400_000],
    ['5/10s', 5, 10_000],
    ['5/1500ms', 5, 1500],
    ['3/15m', 3, 900_000],
    ['1/366d', 1, 31_622_400_000],
  ] as const)
    test(`${text} is ${count} in ${period} ms`, () => {
      assert.deepEqual(rate().parse(text), { count, period })
    })

  for (const value of ['', '5', '/s', '5/', '0/s', '05/s', '-5/s', '5/x', '5/ms', '5 / s', '5/s ', '1.5/s', 5])
    test(`refuses ${JSON.stringify(value)} with one message`, () => {
      assert.deepEqual(problems(rate(), value), ['must be a rate such as 100/min or 5/10s'])
    })

  test('refuses a period under a second or over a year', () => {
    for (const text of ['5/999ms', '5/0s'])
      assert.deepEqual(problems(rate(), text), ['must have a period of at least 1s'])
    assert.deepEqual(problems(rate(), '5/367d'), ['must have a period of at most 366d'])
  })

  test('reads back every rate that can be written', () => {
    const count = fc.integer({ min: 1, max: 999_999_999 })
    fc.assert(
      fc.property(count, fc.integer({ min: 1, max: 86_400 }), (allowed, seconds) => {
        assert.deepEqual(rate().parse(`${allowed}/${seconds}s`), { count: allowed, period: seconds * 1000 })
      }),
    )
  })
})
