/**
 * The two memories of the process that can run full, each with an end that is sudden: V8 ends the process when its heap
 * is full, the system when the container is.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'

import { containerUsage } from './container.ts'

export interface Memory {
  /** Bytes. */
  readonly limit: number
  /** Bytes. */
  readonly used: () => number
  /** True when it is counted for all processes of the container together. */
  readonly whole?: boolean
}

export interface Memories {
  /** What has survived in V8's heap; new objects are not in it, and die or move over soon. */
  readonly heap: Memory
  /** What the container, or without one the process, holds of the machine's memory. */
  readonly resident: Memory
}

const MiB = 1024 * 1024

/**
 * @param flags Node's options, from the command line and the environment: they bear on how large the heap may grow
 * @param processes that do the same work; where each is counted alone, it has its share
 */
export function createMemories(flags: string, processes = 1): Memories {
  const machine = totalmem()
  const constrained = process.constrainedMemory() || Infinity
  const used = constrained < machine ? containerUsage() : undefined
  return {
    heap: { limit: oldGenerationLimit(getHeapStatistics().heap_size_limit, flags), used: oldGeneration },
    resident:
      used === undefined
        ? { limit: Math.min(constrained, machine) / processes, used: anonymous }
        : { limit: constrained, used, whole: true },
  }
}

function oldGeneration(): number {
  let used = 0
  for (const { space_name, space_used_size } of getHeapSpaceStatistics())
    if (!space_name.startsWith('new_') && space_name !== 'read_only_space') used += space_used_size
  return used
}

/** Bytes of resident memory that no file backs. */
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
 * which has three semi-spaces: of a 32nd of the old one, or as large as 64 MiB when its size was set by a flag.
 */
export function oldGenerationLimit(heapLimit: number, flags: string): number {
  const size = (flag: RegExp) => Number(flags.match(flag)?.at(-1)?.match(/\d+$/)?.[0] ?? NaN) * MiB
  const old = size(/--max[-_]old[-_]space[-_]size[= ]\d+/g)
  if (!Number.isNaN(old)) return old
  const semi = size(/--max[-_]semi[-_]space[-_]size[= ]\d+/g)
  if (!Number.isNaN(semi)) return heapLimit - 3 * semi
  const young = flags.includes('percentage') ? heapLimit / 2 : (heapLimit * 3) / 35
  return heapLimit - Math.min(3 * 64 * MiB, young)
}
