/**
 * Loaded into the gateway before anything else (`--import`): once a second it notes what the process holds.
 *
 * A line of JSON each, appended to the file that `HEIMDALL_PROBE` names.
 *
 * @module
 */
import { appendFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What a process holds. */
export interface Held {
  /** Milliseconds since the epoch. */
  readonly time: number
  /** MiB. */
  readonly rss: number
  readonly heap: number
  /** Timers that keep the process, and sockets. */
  readonly timers: number
  readonly sockets: number
  /** How late the event loop was in the last second, 99th percentile, milliseconds. */
  readonly delay: number
}

const MIB = 1024 * 1024
const path = process.env['HEIMDALL_PROBE']
const delays = monitorEventLoopDelay({ resolution: 5 })

if (path !== undefined) {
  delays.enable()
  setInterval(() => appendFileSync(path, `${JSON.stringify(held())}\n`), 1000).unref()
}

function held(): Held {
  const { rss, heapUsed } = process.memoryUsage()
  const resources = process.getActiveResourcesInfo()
  const count = (pattern: RegExp) => resources.filter((name) => pattern.test(name)).length
  const delay = delays.percentile(99) / 1e6
  delays.reset()
  return {
    time: Date.now(),
    rss: rss / MIB,
    heap: heapUsed / MIB,
    timers: count(/^(?:Timeout|Immediate)$/),
    sockets: count(/^(?:TCP|TLS)/),
    delay,
  }
}
