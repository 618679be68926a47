/**
 * Telling: the metrics and the access line of a request, once, when it has ended.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'

import type { Decision } from '#gate/flight.ts'
import type { Deny } from '#request/verdict.ts'
import { accessLine, type Ending } from '#telemetry/access.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import { stageMetrics, type RouteMetrics } from '#telemetry/observe.ts'

/** How a request ended. */
export interface Ended {
  readonly denial: Deny | undefined
  readonly status: number
  readonly bytes?: number
  /** NaN when no answer came. */
  readonly upstream_ms?: number
  readonly target?: string | undefined
}

/** The request line as received, and when (`performance.now()`). */
export interface Begun {
  readonly method: string
  readonly url: string
  readonly began: number
}

export interface Teller {
  /** Requests being worked on, tunnels included. */
  readonly inFlight: number
  begin(): void
  end(begun: Begun, decision: Pick<Decision, 'evidence' | 'route'>, route: RouteMetrics, ended: Ended): void
  /** Counts a request that a defect cut short, which the listener answers and logs; `began` as in `Begun`. */
  abandon(route: RouteMetrics, began: number): void
}

export interface TellerDeps {
  readonly metrics: Metrics
  /** Writes a finished line. */
  readonly line: (json: string) => void
  /** Wall clock, milliseconds since the epoch. */
  readonly clock: () => number
}

/** Makes the teller of a process. */
export function createTeller({ metrics, line, clock }: TellerDeps): Teller {
  const observeStages = stageMetrics(metrics)
  let inFlight = 0
  Object.assign(metrics.inFlight, { collect: () => metrics.inFlight.set(inFlight) })

  return {
    get inFlight() {
      return inFlight
    },
    begin() {
      inFlight += 1
    },
    abandon(route, began) {
      inFlight -= 1
      route.observe('internal_error', (performance.now() - began) / 1000)
    },
    end({ method, url, began }, { evidence, route }, routeMetrics, ended) {
      inFlight -= 1
      const total_ms = performance.now() - began
      const { denial, status, bytes, target, upstream_ms = Number.NaN } = ended
      const outcome = denial?.code ?? 'pass'
      routeMetrics.observe(outcome, total_ms / 1000)
      observeStages(evidence.timings)
      if (evidence.shadow !== undefined && route !== undefined)
        metrics.shadowDenials.inc({ route: route.name, outcome: evidence.shadow })
      const ending: Ending = { method, url, status, outcome, note: denial?.note, total_ms, upstream_ms, bytes, target }
      line(accessLine(evidence, ending, clock()))
    },
  }
}
