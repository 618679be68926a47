/**
 * What is promised of every fault, whatever fails, and the figures that show it.
 *
 * @module
 */
import assert from 'node:assert/strict'

import type { Episode, Phase } from '../support/episode.ts'
import type { Totals } from '../support/figures.ts'
import { isBusy } from '../support/machine.ts'
import type { Stats } from '../support/traffic.ts'

/** Requests that are judged by their tokens alone. */
export const TOKENS = ['token', 'new token'] as const

/** Nobody of these kinds is refused anything, or no more than this share. */
export function assertServed(phases: readonly Phase[], asked: readonly string[], share = 0): void {
  for (const phase of phases) {
    const { count, failed, outcomes } = phase.of(...asked)
    assert.ok(failed <= share * count, JSON.stringify(outcomes))
  }
}

/**
 * Tokens are judged as fast as before: half as slow again is allowed, or 15 ms, and what the machine itself was late;
 * 100 ms more while it has other things to do.
 *
 * @param wait milliseconds that anybody may wait for what fails
 */
export function assertFast({ before, onset, during }: Episode, wait: number): void {
  const [base, now] = [before.of(...TOKENS), during.of(...TOKENS)]
  assert.ok(now.p50 <= noSlower(base.p50, during.noise / 2), `half within ${now.p50} ms, before ${base.p50} ms`)
  assert.ok(now.p99 <= noSlower(base.p99, during.noise), `99 % within ${now.p99} ms, before ${base.p99} ms`)
  const most = wait + before.of().most + 2 * Math.max(onset.noise, during.noise)
  const longest = Math.max(onset.of().most, during.of().most)
  assert.ok(longest <= most, `nobody waits longer than ${most} ms, somebody ${longest} ms`)
}

function noSlower(base: number, noise: number): number {
  return Math.max(1.5 * base, base + 15 + noise + (isBusy() ? 100 : 0))
}

/** How fast tokens were judged before and during a fault, and how late the machine was. */
export function speedOf({ before, during }: Episode): Readonly<Record<string, number>> {
  const [base, now] = [before.of(...TOKENS), during.of(...TOKENS)]
  const medians = { base_p50_ms: base.p50, p50_ms: now.p50 }
  return { ...medians, base_p99_ms: base.p99, p99_ms: now.p99, noise_ms: during.noise }
}

/** Sums up those who had a right to an answer. */
export function totalsOf(stats: readonly Stats[]): Totals {
  return {
    total: stats.reduce((sum, { count }) => sum + count, 0),
    failed: stats.reduce((sum, { failed }) => sum + failed, 0),
  }
}
