/**
 * How often a limit let requests pass and refused them, by the store that counted.
 *
 * @module
 */
import type { LimitReport } from '#request/evidence.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import type { Tally } from '#telemetry/tallied.ts'

type Decision = 'allow' | 'refuse' | 'unavailable'

/** The tallies of one limit. */
export type Tallies = Readonly<Record<LimitReport['store'], Readonly<Record<Decision, Tally>>>>

/** Binds the metric to a limit. */
export function talliesOf({ limitDecisions }: Pick<Metrics, 'limitDecisions'>, limit: string): Tallies {
  const of = (store: LimitReport['store'], decision: Decision) => limitDecisions.labels({ limit, decision, store })
  const all = (store: LimitReport['store']) => ({
    allow: of(store, 'allow'),
    refuse: of(store, 'refuse'),
    unavailable: of(store, 'unavailable'),
  })
  return { memory: all('memory'), redis: all('redis'), fallback: all('fallback') }
}
