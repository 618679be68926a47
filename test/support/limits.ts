/**
 * Limits and requests for tests of limiting.
 *
 * @module
 */
import { admitLimits } from '#ratelimit/admit.ts'
import type { LimitSubject } from '#ratelimit/key.ts'
import { limitSchema } from '#ratelimit/limit.ts'
import type { NamedLimit } from '#ratelimit/limiter.ts'
import { createLimiters, type LimitersOptions } from '#ratelimit/limiters.ts'
import { sharedCounters } from '#ratelimit/shared.ts'
import { newEvidence, type Evidence } from '#request/evidence.ts'
import type { Verdict } from '#request/verdict.ts'
import type { RedisStore } from '#stores/redis.ts'
import type { Logger } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { principal } from './incoming.ts'

/** A limit as the file has it: 5 per minute and subject, but for what the test says. */
export function limit(name: string, part: object = {}): NamedLimit {
  return { name, ...limitSchema.parse({ allow: '5/min', by: 'subject', ...part }) }
}

/** A request of alice on the route `orders`. */
export function limitSubject(part: Partial<LimitSubject> = {}): LimitSubject {
  return { client: '192.0.2.1', principal: principal(), route: 'orders', header: () => undefined, ...part }
}

/** A log that keeps its lines, as `level message`. */
export function recordingLog(lines: string[]): Logger {
  const at = (level: string) => (_: unknown, message: string) => void lines.push(`${level} ${message}`)
  return { debug() {}, info: at('info'), warn: at('warn'), error: at('error') }
}

export interface Asked {
  readonly verdict: Verdict<undefined>
  readonly evidence: Evidence
  /** Milliseconds the answer took. */
  readonly took: number
}

/** Limiting stages on common limiters. */
export function limiting(options: Partial<LimitersOptions> & { readonly redis?: RedisStore } = {}) {
  const lines: string[] = []
  const log = recordingLog(lines)
  const metrics = options.metrics ?? createMetrics()
  const shared = options.redis && sharedCounters({ redis: options.redis, metrics, log })
  const limiters = createLimiters({ metrics, shared, ...options })
  const compile = (limits: readonly NamedLimit[], shadow = false) => admitLimits(limits, { shadow }, limiters)
  /** Compiles limits and returns what asks them. */
  const stage = (limits: readonly NamedLimit[], shadow = false) => {
    const admit = compile(limits, shadow)
    return async (subject = limitSubject(), evidence = newEvidence('r', 't')): Promise<Asked> => {
      const begin = performance.now()
      const verdict = await admit(subject, evidence)
      return { verdict, evidence, took: performance.now() - begin }
    }
  }
  return { lines, metrics, compile, stage }
}

/** `pass`, or the code of the refusal. */
export function outcome({ verdict }: Asked): string {
  return verdict.kind === 'pass' ? 'pass' : verdict.code
}
