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

/** What the process has at its start. */
export interface Means {
  readonly memories: Memories
  /** How many files, sockets among them, it may have open; Infinity where the system does not tell. */
  readonly files: number
}

/** Looks around. */
export function meansOfProcess(): Means {
  const flags = [process.env['NODE_OPTIONS'] ?? '', ...process.execArgv].join(' ')
  return { memories: createMemories(flags), files: mostOpenFiles() ?? Infinity }
}

/** Fills in what the file leaves open; the answer follows the file. */
export function createLimits(current: () => Config['overload'], { memories, files }: Means): () => OverloadLimits {
  let written: Config['overload'] | undefined
  let limits: OverloadLimits | undefined
  const capacity = capacityOf(memories, current().memory)

  return () => {
    const options = current()
    if (limits !== undefined && options === written) return limits
    const { connections = capacity.connections, in_flight = capacity.in_flight, memory, delay } = options
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

/** Begins to guard a listener. */
export function guardListener({ means, limits, overload, clients, metrics, log }: GuardDeps): { close(): void } {
  const { connections, in_flight } = limits()
  log.info({ connections, in_flight, open_files: means.files }, 'overload limits')
  const most = () => limits().connections
  const now = () => performance.now()
  const relieve = createRelief({ overload, clients, most, collect: createGarbageCollector(), now })
  relieve()
  return startSampling(means.memories, (sample) => {
    overload.sample(sample)
    relieve()
    metrics.connectionsOpen.set(clients.connections)
  })
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
