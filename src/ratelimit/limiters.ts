/**
 * Where limiters come from. Their counters live as long as the process, so a reload forgets no counts.
 *
 * @module
 */
import type { Metrics } from '#telemetry/metrics.ts'

import { idOf, keyReader, quotaOf, type Limiter, type NamedLimit } from './limiter.ts'
import { createMemoryStore } from './memory.ts'
import type { SharedCounters } from './shared.ts'
import { talliesOf } from './tallies.ts'

/** What limits are compiled with. */
export interface Limiters {
  limiter(limit: NamedLimit): Limiter
}

export interface LimitersOptions {
  /** Absent: every limit is counted in this process. */
  readonly shared?: SharedCounters | undefined
  /** Makes the counters that the processes on one port share; absent: this one serves alone. */
  readonly leased?: SharedCounters | undefined
  readonly metrics: Metrics
  /** Monotonic milliseconds. */
  readonly now?: () => number
  /** Most windows in memory, over all limits. */
  readonly most?: number
}

/** Makes the limiters of a process. */
export function createLimiters(options: LimitersOptions): Limiters {
  const { shared, leased, metrics, now = () => performance.now(), most = 100_000 } = options
  const memory = createMemoryStore({ now, most })
  Object.assign(metrics.limitKeys, { collect: () => metrics.limitKeys.set(memory.size) })

  return {
    limiter(limit) {
      const [id, quota] = [idOf(limit), quotaOf(limit)]
      return {
        name: limit.name,
        quota,
        onStoreDown: limit.on_store_down,
        reported: limit.report,
        keyOf: keyReader(limit),
        memory: leased?.(id, quota) ?? memory.counter(id, quota),
        redis: limit.shared === false ? undefined : shared?.(id, quota),
        tallies: talliesOf(metrics, limit.name),
      }
    },
  }
}
