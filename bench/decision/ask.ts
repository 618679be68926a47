/**
 * Asking a gate, and how long it takes to decide.
 *
 * @module
 */
import { setImmediate } from 'node:timers/promises'

import type { Decision } from '#gate/flight.ts'
import type { CacheLayer } from '#request/evidence.ts'
import type { RawRequest } from '#request/incoming.ts'

import type { Gate } from './world.ts'

/** One decision. */
export interface Sample {
  /** Milliseconds. */
  readonly took: number
  /** The farthest place that was asked; undefined when none could tell. */
  readonly layer: CacheLayer | undefined
}

/**
 * Puts each request to a gate once.
 *
 * @param lanes how many are under way at once
 * @throws Error when one is not let through
 */
export async function ask(gate: Gate, requests: readonly RawRequest[], lanes: number): Promise<Sample[]> {
  const samples: Sample[] = []
  const waiting = requests.values()

  const lane = async () => {
    for (const request of waiting) {
      const began = performance.now()
      const eventual = gate.decide(request)
      const decision = eventual instanceof Promise ? await eventual : eventual
      const took = performance.now() - began
      if (decision.kind !== 'permit' && !isAway(decision))
        throw new Error(`not let through: ${decision.kind === 'refuse' ? decision.deny.note : 'answered'}`)
      samples.push({ took, layer: decision.kind === 'permit' ? decision.evidence.cache : undefined })
      await setImmediate() // the next comes with another turn of the event loop, as from a socket
    }
  }

  await Promise.all(Array.from({ length: lanes }, lane))
  return samples
}

/** On a machine that is busy enough, Postgres misses deadlines and is left alone for a second. */
function isAway(decision: Decision): boolean {
  return decision.kind === 'refuse' && decision.deny.code === 'store_unavailable'
}
