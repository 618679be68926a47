/** What limits in memory cost. @module */
import { limitSchema } from '#ratelimit/limit.ts'
import { admitLimits } from '#ratelimit/admit.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import { newEvidence } from '#request/evidence.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { subject, type Question } from '../question.ts'
import { alice } from '../wire.ts'

function limits(name: string, asks: string, by: readonly (readonly string[])[]): Question {
  return {
    name: `ratelimit/${name}`,
    asks,
    prepare() {
      const limiters = createLimiters({ metrics: createMetrics() })
      const named = by.map((by, index) => ({
        ...limitSchema.parse({ allow: '900000000/min', by }),
        name: `limit-${index}`,
      }))
      const stage = admitLimits(named, { shadow: false }, limiters)
      const subjectOf = { client: '192.0.2.1', principal: alice, route: 'orders', header: () => undefined }
      return subject(
        (count) => Array.from({ length: count }, () => newEvidence('r', 't')),
        (evidence) => stage(subjectOf, evidence),
      )
    },
  }
}

export const ratelimit: readonly Question[] = [
  limits('one', 'to count under one limit', [['subject']]),
  limits('three', 'to count under three', [['subject'], ['client'], ['subject', 'route']]),
]
