/**
 * Sampling: how full the memory of the process is and how late its event loop, ten times a second.
 *
 * @module
 */
import type { Memories } from './memory.ts'
import type { Sample } from '../overload.ts'

const EVERY = 100 // milliseconds: 1 Gbit/s fills 12 MB meanwhile

/** Starts sampling; a sample costs some 0.1 ms. */
export function startSampling({ heap, resident }: Memories, take: (sample: Sample) => void): { close(): void } {
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    const lag = Math.max(0, now - last - EVERY)
    last = now
    take({ heap: heap.used() / heap.limit, resident: resident.used() / resident.limit, lag })
  }
  const timer = setInterval(look, EVERY).unref()
  return { close: () => clearInterval(timer) }
}
