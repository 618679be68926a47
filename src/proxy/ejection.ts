/**
 * Passive ejection: a backend that fails again and again is left out for a while, but never the last one.
 *
 * Only gateway-class failures count: no connection, no answer, or 502, 503 and 504.
 *
 * @module
 */
import type { Logger } from '#telemetry/log.ts'

import type { Backend } from './backend.ts'

const FAILURES_IN_A_ROW = 5
const BASE = 10_000 // milliseconds, times the number of ejections in a row
const LONGEST = 300_000

export interface EjectionOptions {
  /** Name of the upstream. */
  readonly upstream: string
  readonly log: Logger
  /** Milliseconds; only tests shorten it. */
  readonly base?: number
}

export interface Ejection {
  succeeded(backend: Backend): void
  failed(backend: Backend): void
}

/** Watches the backends of one upstream. */
export function createEjection(backends: readonly Backend[], options: EjectionOptions): Ejection {
  const { upstream, log, base = BASE } = options

  const eject = (backend: Backend) => {
    backend.ejected = true
    backend.ejections += 1
    const duration = Math.min(base * backend.ejections, LONGEST)
    log.warn({ upstream, target: backend.name, for_ms: duration }, 'upstream target ejected')
    setTimeout(() => {
      backend.ejected = false
      backend.failures = 0
      log.info({ upstream, target: backend.name }, 'upstream target returned')
    }, duration).unref()
  }

  return {
    succeeded(backend) {
      backend.failures = 0
      if (!backend.ejected) backend.ejections = 0
    },
    failed(backend) {
      backend.failures += 1
      const others = backends.some((one) => one !== backend && !one.ejected)
      if (backend.failures >= FAILURES_IN_A_ROW && !backend.ejected && others) eject(backend)
    },
  }
}
