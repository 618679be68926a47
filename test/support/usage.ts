/**
 * What a process uses, as Linux tells it.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const MIB = 1024 // of the kB that Linux tells

/** Resident memory in MiB. */
export function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / MIB
}

/** Open sockets, those that listen included. */
export function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => linkOf(`/proc/${pid}/fd/${fd}`).startsWith('socket:')).length
}

/** Connections of this machine to a port of loopback, and for how many of them the kernel itself asks whether the other end lives. */
export function connectionsTo(port: number): { open: number; watched: number } {
  const wanted = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}` // 127.0.0.1, as the kernel writes it
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1)
  const open = rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , remote = '', state]) => remote === wanted && state === '01')
  return { open: open.length, watched: open.filter((row) => row[5]?.startsWith('02:')).length }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed meanwhile
  }
}

/** Notes the memory of a process at regular moments; `stop` gives the median and the most. */
export function watchMemory(pid: number): { stop(): { readonly median: number; readonly most: number } } {
  const seen = [memoryOf(pid)]
  const timer = setInterval(() => seen.push(memoryOf(pid)), 50)
  return {
    stop() {
      clearInterval(timer)
      const sorted = seen.toSorted((one, other) => one - other)
      return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, most: sorted.at(-1) ?? 0 }
    },
  }
}
