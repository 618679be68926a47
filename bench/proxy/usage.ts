/**
 * What a program uses, all of its processes and threads together, as Linux tells it (proc(5)).
 *
 * @module
 */
import { readFileSync } from 'node:fs'

import { childrenOf } from '../../test/support/processes.ts'

const TICKS = 100 // USER_HZ, the same on every Linux
const MIB = 1024 // of the kB that Linux tells

/** A process and all below it. */
export function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)]
}

/** User and system time so far, microseconds. */
export function processorTime(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return sum + ((Number(fields[11]) + Number(fields[12])) / TICKS) * 1e6
  }, 0)
}

/** Resident memory in MiB: now, and the most so far. */
export function memory(pids: readonly number[]): { readonly now: number; readonly peak: number } {
  const held = { now: 0, peak: 0 }
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const of = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / MIB
    held.now += of('VmRSS')
    held.peak += of('VmHWM')
  }
  return held
}

/** Looks at the memory ten times a second; `stop` gives the most that was seen, MiB. */
export function watchMemory(pids: readonly number[]): { stop(): number } {
  let most = memory(pids).now
  const look = () => (most = Math.max(most, memory(pids).now))
  const timer = setInterval(look, 100)
  return {
    stop() {
      clearInterval(timer)
      return look()
    },
  }
}
