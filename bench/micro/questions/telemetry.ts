/** What it costs to tell of a request that has ended. @module */
import { newEvidence, type Evidence } from '#request/evidence.ts'
import { accessLine } from '#telemetry/access.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import { routeMetrics, stageMetrics } from '#telemetry/observe.ts'
import { newRequestId, newTrace } from '#telemetry/trace.ts'

import { numbers, subject, type Question } from '../question.ts'
import { alice } from '../wire.ts'

/** Evidence of a request that passed all stages. */
function evidence(turn: number): Evidence {
  const found = newEvidence(newRequestId(), newTrace().trace_id)
  found.route = 'orders-read'
  found.client = '192.0.2.1'
  found.principal = alice
  found.authenticator = 'acme'
  found.cache = 'l1'
  found.cache_age = turn
  for (let index = 0; index < found.timings.length; index += 1) found.timings[index] = 0.001 * (1 + (turn % 9) + index)
  return found
}

const evidences = (count: number) => numbers(count).map(evidence)

export const telemetry: readonly Question[] = [
  {
    name: 'telemetry/ids',
    asks: 'to name a request and its trace',
    prepare: () => subject(numbers, () => [newRequestId(), newTrace()]),
  },
  {
    name: 'telemetry/metrics',
    asks: 'to count a request and the time of its stages',
    prepare() {
      const metrics = createMetrics()
      const route = routeMetrics(metrics, 'orders-read')
      const observeStages = stageMetrics(metrics)
      return subject(evidences, (found) => {
        route.observe('pass', 0.0007)
        observeStages(found.timings)
      })
    },
  },
  {
    name: 'telemetry/access-line',
    asks: 'to write the access line',
    prepare() {
      const ending = { method: 'GET', url: '/orders/4711?page=2', status: 200, outcome: 'pass', bytes: 512 } as const
      return subject(evidences, (found) => {
        const told = { ...ending, total_ms: 1.234, upstream_ms: 0.9, target: 'http://127.0.0.1:3000' }
        const line = accessLine(found, told, 1_800_000_000_000)
        return line.charCodeAt(line.length - 2) + line.indexOf('\t') // joins its parts, as writing it would
      })
    },
  },
]
