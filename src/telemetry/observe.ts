/**
 * The two observations every request makes: how it ended, and where its time went. All label look-ups are done beforehand.
 *
 * @module
 */
import { stages } from '#request/evidence.ts'

import type { Outcome } from './access.ts'
import type { Metrics } from './metrics.ts'
import type { Tally } from './tallied.ts'

export interface RouteMetrics {
  /** Counts a request of the route, and how long the client waited for the end of its answer. */
  observe(outcome: Outcome, seconds: number): void
}

/** Binds the metrics of a route; `route` is its name in the file, or `unmatched` for requests that reached none. */
export function routeMetrics(metrics: Metrics, route: string): RouteMetrics {
  const durations = metrics.requestDuration.of(route)
  const outcomes = new Map<Outcome, Tally>()
  const counter = (outcome: Outcome) => {
    const made = metrics.requests.labels({ route, outcome })
    outcomes.set(outcome, made)
    return made
  }

  return {
    observe(outcome, seconds) {
      const known = outcomes.get(outcome) ?? counter(outcome)
      known.inc()
      durations.observe(seconds)
    },
  }
}

/** Binds the stage histogram; the inner function takes `timings` of an evidence, in milliseconds. */
export function stageMetrics(metrics: Metrics): (timings: readonly number[]) => void {
  const series = stages.map((stage) => metrics.stageDuration.of(stage))

  return (timings) => {
    for (let index = 0; index < series.length; index += 1) {
      const spent = timings[index] ?? Number.NaN
      if (!Number.isNaN(spent)) series[index]?.observe(spent / 1000)
    }
  }
}
