/**
 * Random arrivals at a limit, with a taste for the moments at which windows go wrong.
 *
 * @module
 */
import * as fc from 'fast-check'

import type { Quota } from '#ratelimit/window.ts'

/** Waits, then sends some requests at once; `undone` says which of those that passed are given back at the next step. */
export interface Step {
  readonly gap: number
  readonly requests: number
  readonly undone: number
}

export interface Arrivals {
  readonly quota: Quota
  readonly steps: readonly Step[]
}

const counts = [1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 47, 48, 100, 256]
const periods = [1_000_000, 1_001_000, 10_000_000, 60_000_000, 86_400_000_000]

function gaps(period: number) {
  const slice = Math.ceil(period / 16)
  const edges = [0, 1, slice - 1, slice, slice + 1, period - slice, period - 1, period, period + 1, 2 * period]
  return fc.oneof(fc.constantFrom(...edges), fc.nat({ max: slice }), fc.nat({ max: period }))
}

/** Arrivals over a few periods of some limit. */
export function arrivals(most = 60): fc.Arbitrary<Arrivals> {
  const quotas = fc.record({ count: fc.constantFrom(...counts), period: fc.constantFrom(...periods) })
  return quotas.chain((quota) => {
    const requests = fc.oneof(
      fc.constantFrom(1, 2, quota.count, quota.count + 2),
      fc.integer({ min: 1, max: quota.count }),
    )
    const step = fc.record({ gap: gaps(quota.period), requests, undone: fc.constantFrom(0, 0, 0, 1, 2, 7) })
    return fc.record({ quota: fc.constant(quota), steps: fc.array(step, { minLength: 1, maxLength: most }) })
  })
}
