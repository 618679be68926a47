/**
 * Capacity: how much may be taken on at once, so that all of it together cannot fill the memory between two samples.
 *
 * @module
 */
import type { Memories } from './memory.ts'

export interface Capacity {
  readonly connections: number
  readonly in_flight: number
}

const KiB = 1024
const MOST: Capacity = { connections: 16_384, in_flight: 4096 }
const LEAST: Capacity = { connections: 64, in_flight: 16 }
/** What one may hold at worst: an idle connection with its socket; a request with a head of 16 KiB whose body nobody takes. */
const COSTS = {
  heap: { connections: 12 * KiB, in_flight: 64 * KiB },
  resident: { connections: 40 * KiB, in_flight: 448 * KiB },
} as const
const SHARES: Capacity = { connections: 1 / 3, in_flight: 2 / 3 }

/**
 * Divides the memory that is free now between connections and requests.
 *
 * @param share of each memory's limit that may be used
 * @param processes that do the same work in the same container, each with a heap of its own
 */
export function capacityOf(memories: Memories, share: number, processes = 1): Capacity {
  const room = (kind: keyof Memories) => Math.max(0, memories[kind].limit * share - memories[kind].used())
  const [heap, resident] = [room('heap'), room('resident') / (memories.resident.whole ? processes : 1)]
  const fitting = (what: keyof Capacity) => {
    const count = Math.min(heap / COSTS.heap[what], resident / COSTS.resident[what]) * SHARES[what]
    return Math.max(LEAST[what], Math.floor(Math.min(MOST[what] / processes, count)))
  }
  return { connections: fitting('connections'), in_flight: fitting('in_flight') }
}
