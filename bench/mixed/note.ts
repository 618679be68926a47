/**
 * Noting answers: waits second by second, and what was answered.
 *
 * @module
 */
import { percentile } from '../statistics.ts'
import type { Second, Waits } from './plan.ts'

export interface Notes {
  /** @param ms from the moment the request was due to its answer */
  note(status: number, ms: number): void
  waits(): Waits
  seconds(): readonly Second[]
}

/** Begins to take notes. */
export function newNotes(): Notes {
  const began = performance.now()
  const all: number[] = []
  const bySecond: number[][] = []
  const outcomes: Record<string, number> = {}
  return {
    note(status, ms) {
      all.push(ms)
      const second = Math.floor((performance.now() - began) / 1000)
      ;(bySecond[second] ??= []).push(ms)
      outcomes[status] = (outcomes[status] ?? 0) + 1
    },
    waits() {
      const sorted = Float64Array.from(all).sort()
      const failed = all.length - (outcomes['200'] ?? 0)
      return { ...summed(sorted), p999: percentile(sorted, 0.999), most: sorted.at(-1) ?? Number.NaN, failed, outcomes }
    },
    seconds: () => Array.from(bySecond, (waits: number[] | undefined) => summed(Float64Array.from(waits ?? []).sort())),
  }
}

function summed(sorted: Float64Array): Second {
  return { count: sorted.length, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) }
}
