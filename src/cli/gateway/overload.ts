/**
 * Overload control of a gateway process: samples go in, the limits of the listener that clients reach come out.
 *
 * @module
 */
import type { Config } from '#config/config.ts'
import type { Component } from '#http/health.ts'
import { createRelief } from '#http/relief.ts'
import type { HttpServer } from '#http/server.ts'
import { capacityOf } from '#resilience/overload/capacity.ts'
import { createGarbageCollector } from '#resilience/overload/garbage-collector.ts'
import { createMemories, type Memories } from '#resilience/overload/memory.ts'
import type { Overload, OverloadLimits } from '#resilience/overload.ts'
import { startSampling } from '#resilience/overload/sampling.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import { mostOpenFiles } from '#telemetry/process.ts'

const FOR_CLIENTS = 0.75 // share of the open files
const SETTLED = 1000 // milliseconds after the start

/** What the process has at its start. */
export interface Means {
  readonly memories: Memories
  /** How many files, sockets among them, it may have open; Infinity where the system does not tell. */
  readonly files: number
  /** How many processes share the memory of the container or machine, and what the file allows. */
  readonly processes: number
}

/** Looks around. */
export function meansOfProcess(processes = 1): Means {
  const flags = [process.env['NODE_OPTIONS'] ?? '', ...process.execArgv].join(' ')
  return { memories: createMemories(flags, processes), files: mostOpenFiles() ?? Infinity, processes }
}

/** Fills in what the file leaves open; the answer follows the file. */
export function createLimits(current: () => Config['overload'], means: Means): () => OverloadLimits {
  const { memories, files, processes } = means
  let written: Config['overload'] | undefined
  let limits: OverloadLimits | undefined
  const capacity = capacityOf(memories, current().memory, processes)
  const share = (number: number | undefined) => number && Math.ceil(number / processes)

  return () => {
    const options = current()
    if (limits !== undefined && options === written) return limits
    const { memory, delay } = options
    const connections = share(options.connections) ?? capacity.connections
    const in_flight = share(options.in_flight) ?? capacity.in_flight
    written = options
    limits = { connections: Math.min(connections, Math.floor(files * FOR_CLIENTS)), in_flight, memory, delay }
    return limits
  }
}

export interface GuardDeps {
  readonly means: Means
  readonly limits: () => OverloadLimits
  readonly overload: Overload
  /** What clients reach. */
  readonly clients: HttpServer
  readonly metrics: Pick<Metrics, 'connectionsOpen'>
  readonly log: Logger
}

/**
 * Begins to guard a listener. What the start left behind, 20 MB of it, is collected when it is over, unless clients are
 * there already: V8 would keep it as room for more, and a sidecar may be idle all its life.
 */
export function guardListener({ means, limits, overload, clients, metrics, log }: GuardDeps): { close(): void } {
  const { connections, in_flight } = limits()
  log.info({ connections, in_flight, open_files: means.files }, 'overload limits')
  const most = () => limits().connections
  const now = () => performance.now()
  const collect = createGarbageCollector()
  const relieve = createRelief({ overload, clients, most, collect, now })
  relieve()
  const tidying = setTimeout(() => void (clients.connections === 0 && collect()), SETTLED).unref()
  const sampling = startSampling(means.memories, (sample) => {
    overload.sample(sample)
    relieve()
    metrics.connectionsOpen.set(clients.connections)
  })
  return {
    close() {
      clearTimeout(tidying)
      sampling.close()
    },
  }
}

/**
 * Overload for `/readyz`: told, but no reason to be left without traffic. Gateways behind one balancer are overloaded
 * together, and each that leaves pushes the next over; the 503s say to clients and balancers what is the matter.
 */
export function overloadComponent(overload: Pick<Overload, 'reasons'>): Component {
  return {
    name: 'overload',
    check() {
      const { reasons } = overload
      return reasons.length === 0 ? { status: 'up' } : { status: 'degraded', reasons: reasons.join(' ') }
    },
  }
}
