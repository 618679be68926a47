/**
 * What the process itself uses, under the names that dashboards know from other programs.
 *
 * A selection of ours instead of prom-client's default metrics, which wake the event loop a hundred times a second, watch
 * every garbage collection and list all open connections on a scrape. These cost a scrape some 50 µs and nothing else.
 * What the system does not tell, or may not be asked under Node's permission model, is left out.
 *
 * @module
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'

import { Counter, Gauge, type Registry } from './prom-client.ts'

const FILES = '/proc/self/fd'

type Read = () => number | undefined

/** Gauges; `nodejs_eventloop_lag_seconds` is `heimdall_event_loop_lag_seconds`. */
const gauges: readonly (readonly [name: string, help: string, read: Read])[] = [
  ['process_start_time_seconds', 'When the process began (Unix time).', () => performance.timeOrigin / 1000],
  ['process_resident_memory_bytes', 'How much memory of the machine is used.', () => process.memoryUsage.rss()],
  ['process_open_fds', 'How many files and sockets are open.', () => told(openFiles)],
  ['process_max_fds', 'How many files and sockets may be open.', mostOpenFiles],
  ['nodejs_heap_size_total_bytes', 'How large the heap is.', () => getHeapStatistics().total_heap_size],
  ['nodejs_heap_size_used_bytes', 'How much of the heap is used.', () => getHeapStatistics().used_heap_size],
  [
    'nodejs_external_memory_bytes',
    'How much memory objects hold outside the heap.',
    () => getHeapStatistics().external_memory,
  ],
]

/** Adds them to a registry; they are read on every scrape. */
export function addProcessMetrics(registry: Registry): void {
  const registers = [registry]
  for (const [name, help, read] of gauges) {
    if (read() === undefined) continue
    const aggregator = name === 'process_start_time_seconds' ? 'min' : 'sum' // when several workers have one
    const collect = () => gauge.set(read() ?? Number.NaN)
    const gauge: Gauge = new Gauge({ name, help, registers, aggregator, collect })
  }
  const cpu: Counter = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'How much time of processors was used.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      cpu.reset()
      cpu.inc((user + system) / 1e6)
    },
  })
  const loop = new Counter({
    name: 'nodejs_eventloop_time_seconds_total',
    help: 'How long the event loop was at work (active) and had nothing to do (idle).',
    labelNames: ['state'],
    registers,
    collect() {
      const { active, idle } = performance.eventLoopUtilization()
      loop.reset()
      loop.inc({ state: 'active' }, active / 1000)
      loop.inc({ state: 'idle' }, idle / 1000)
    },
  })
}

/** How many files, sockets among them, the process may have open; undefined when the system does not tell. */
export function mostOpenFiles(): number | undefined {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(told(() => readFileSync('/proc/self/limits', 'utf8')) ?? '') ?? []
  return soft === undefined ? undefined : Number(soft)
}

/** Linux before 6.2 has no size of the folder: then it is listed, itself among its entries. */
function openFiles(): number {
  return statSync(FILES).size || readdirSync(FILES).length - 1
}

function told<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch {
    return undefined
  }
}
