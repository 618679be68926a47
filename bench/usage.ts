/**
 * What a program uses, all of its processes and threads together, as Linux tells it (proc(5)).
 *
 * @module
 */
import { readFileSync } from 'node:fs'

import { childrenOf } from '../test/support/processes.ts'

const TICKS = 100 // USER_HZ, the same on every Linux
const MIB = 1024 // of the kB that Linux tells

/** A process and all below it. */
export function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)]
}

/** User and system time so far, microseconds. */
export function processorTime(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = textOf(pid, 'stat')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return sum + ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS) * 1e6
  }, 0)
}

/** Resident memory in MiB: now, and the most so far. */
export function memory(pids: readonly number[]): { readonly now: number; readonly peak: number } {
  const held = { now: 0, peak: 0 }
  for (const pid of pids) {
    const status = textOf(pid, 'status')
    const of = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / MIB
    held.now += of('VmRSS')
    held.peak += of('VmHWM')
  }
  return held
}

/** Looks at the memory ten times a second until `stop`; `most` is the most that was seen, MiB. */
export function watchMemory(pids: readonly number[]): { most(): number; stop(): void } {
  let most = memory(pids).now
  const look = () => (most = Math.max(most, memory(pids).now))
  const timer = setInterval(look, 100)
  return { most: look, stop: () => clearInterval(timer) }
}

/** Empty when the process has ended meanwhile. */
function textOf(pid: number, file: 'stat' | 'status'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
