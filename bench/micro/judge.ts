/**
 * Judging: what is dearer than the checked-in baseline, and by how much.
 *
 * @module
 */

/** Turns of the reference that each question is worth, by its name. */
export type Baseline = Readonly<Record<string, number>>

/** `new`: the baseline does not know the question. */
export type Verdict = 'good' | 'warns' | 'fails' | 'new'

export interface Judgement {
  /** Share by which it is dearer (0.1) or cheaper (-0.1) than the baseline; NaN without one. */
  readonly change: number
  readonly verdict: Verdict
}

const WARNS_ABOVE = 0.1
const FAILS_ABOVE = 0.25
const MARGIN = 1e-9 // 1.25 × 1.1 is no more than a quarter dearer, whatever binary fractions say

/** Judges the takes of one question: the cheapest counts, since noise only ever makes things dearer. */
export function judge(takes: readonly number[], baseline: number | undefined): Judgement {
  if (baseline === undefined) return { change: Number.NaN, verdict: 'new' }
  const change = Math.min(...takes) / baseline - 1
  if (change <= WARNS_ABOVE + MARGIN) return { change, verdict: 'good' }
  return { change, verdict: change <= FAILS_ABOVE + MARGIN ? 'warns' : 'fails' }
}
