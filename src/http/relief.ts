/**
 * Relief: what is done about memory that runs full, besides refusing more work.
 *
 * Strained: garbage is collected and its pages given back. Full: no connection comes on top, and idle ones are closed.
 * Critical: connections that came last are cut, an eighth at a time, because the end of the process would cut all.
 *
 * @module
 */
import type { Overload } from '#resilience/overload.ts'

import type { HttpServer } from './server.ts'

export interface ReliefDeps {
  readonly overload: Pick<Overload, 'memory'>
  readonly clients: Pick<HttpServer, 'connections' | 'limit' | 'cutIdle' | 'cutYoungest'>
  /** Most connections at any time. */
  readonly most: () => number
  /** Collects garbage; pauses the process. */
  readonly collect: () => void
  /** Milliseconds, monotonic. */
  readonly now: () => number
}

const FEW = 16 // connections that are always let in
const CUT_EVERY = 1000 // milliseconds: a connection may be new, and its request on the way
/** Milliseconds between two collections. */
const COLLECT_EVERY = { strained: 5000, full: 1000, critical: 0 } as const
const CUT_SHARE = 1 / 8
const REST = 9 // times what a collection took: collecting takes a tenth of the time at most

/** Makes the function to call after each sample. */
export function createRelief({ overload, clients, most, collect, now }: ReliefDeps): () => void {
  let connections = most()
  let cutAgain = -Infinity
  let collected = -Infinity
  let took = 0

  const collectAfter = (pause: number) => {
    const began = now()
    if (began < collected + Math.max(pause, took * REST)) return
    collect()
    collected = now()
    took = collected - began
  }

  return () => {
    const { memory } = overload
    const full = memory === 'full' || memory === 'critical'
    connections = full ? Math.min(connections, Math.max(FEW, clients.connections)) : most()
    clients.limit({ connections, keepAlive: memory === 'free' })
    if (memory === 'critical') clients.cutYoungest(CUT_SHARE)
    if (full && now() >= cutAgain) {
      cutAgain = now() + CUT_EVERY
      clients.cutIdle()
    }
    // What was cut can be collected once its events are through: with the next sample.
    if (memory !== 'free') collectAfter(COLLECT_EVERY[memory])
  }
}
