/**
 * Sampling: how full the memory of the process is and how late its event loop, ten times a second.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'

import type { Sample } from './overload.ts'

export interface SamplingOptions {
  /** Node's options, from the command line and the environment: they bear on how large the heap may grow. */
  readonly flags: string
  readonly take: (sample: Sample) => void
}

const EVERY = 100 // milliseconds: 1 Gbit/s fills 12 MB meanwhile
const MiB = 1024 * 1024

/** Starts sampling. The cost is some 60 µs a time. */
export function startSampling({ flags, take }: SamplingOptions): { close(): void } {
  const heapLimit = oldGenerationLimit(getHeapStatistics().heap_size_limit, flags)
  const memoryLimit = Math.min(process.constrainedMemory() || Infinity, totalmem())
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    const lag = Math.max(0, now - last - EVERY)
    last = now
    take({ heap: oldGeneration() / heapLimit, resident: anonymous() / memoryLimit, lag })
  }
  const timer = setInterval(look, EVERY).unref()
  return { close: () => clearInterval(timer) }
}

/** Bytes of all that has survived in V8's heap; new objects are not in it, and die or move over soon. */
function oldGeneration(): number {
  let used = 0
  for (const { space_name, space_used_size } of getHeapSpaceStatistics())
    if (!space_name.startsWith('new_') && space_name !== 'read_only_space') used += space_used_size
  return used
}

/** Bytes of resident memory that no file backs: pages of files, such as Node itself, the system takes back when it needs them. */
function anonymous(): number {
  try {
    const [, kilobytes] = /^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
    return kilobytes === undefined ? process.memoryUsage.rss() : Number(kilobytes) * 1024
  } catch {
    return process.memoryUsage.rss()
  }
}

/**
 * Bytes that the old generation may take before V8 ends the process. V8 tells only the sum with the young generation,
 * which has three semi-spaces: of 64 MiB when the size of the old one was set by a flag, else of a 32nd of it, at most 64 MiB.
 */
export function oldGenerationLimit(heapLimit: number, flags: string): number {
  const semi = /--max[-_]semi[-_]space[-_]size[= ](\d+)/.exec(flags)?.[1]
  if (semi !== undefined) return heapLimit - 3 * Number(semi) * MiB
  const young = 3 * 64 * MiB
  return /--max[-_]old[-_]space[-_]size/.test(flags)
    ? heapLimit - young
    : heapLimit - Math.min(young, (heapLimit * 3) / 35)
}
