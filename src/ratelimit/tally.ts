/**
 * Counts decisions in plain numbers and hands them to the metric when it is read: a labelled counter costs as much as
 * the whole decision of a limit in memory.
 *
 * @module
 */
import type { LimitReport } from '#request/evidence.ts'
import type { Metrics } from '#telemetry/metrics.ts'

type LimitDecision = 'allow' | 'refuse' | 'unavailable'

/** The counts of one limit. */
export type Tally = Readonly<Record<LimitReport['store'], Record<LimitDecision, number>>>

/** Makes the tallies behind `limitDecisions`, one per name of a limit. */
export function createTallies(metrics: Metrics): (limit: string) => Tally {
  const tallies = new Map<string, Tally>()
  const collect = () => {
    for (const [limit, tally] of tallies) flush(metrics, limit, tally)
  }
  Object.assign(metrics.limitDecisions, { collect })

  return (limit) => {
    const tally = tallies.get(limit) ?? { memory: noDecisions(), redis: noDecisions(), fallback: noDecisions() }
    tallies.set(limit, tally)
    return tally
  }
}

function noDecisions(): Record<LimitDecision, number> {
  return { allow: 0, refuse: 0, unavailable: 0 }
}

function flush(metrics: Metrics, limit: string, tally: Tally): void {
  for (const [store, decisions] of Object.entries(tally)) {
    for (const decision of ['allow', 'refuse', 'unavailable'] as const) {
      if (decisions[decision] > 0) metrics.limitDecisions.inc({ limit, decision, store }, decisions[decision])
      decisions[decision] = 0
    }
  }
}
