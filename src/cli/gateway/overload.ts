/**
 * Overload control of a gateway process: samples go in, the limits of the listener that clients reach come out.
 *
 * @module
 */
import { readFileSync } from 'node:fs'

import type { Config } from '#config/config.ts'
import type { Component } from '#http/health.ts'
import { createRelief } from '#http/relief.ts'
import type { HttpServer } from '#http/server.ts'
import { createCollector } from '#resilience/collector.ts'
import type { Overload } from '#resilience/overload.ts'
import { startSampling } from '#resilience/sampling.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

const FOR_CLIENTS = 0.75 // share of the open files

export interface GuardDeps {
  /** The version of the file in force. */
  readonly config: () => Config
  readonly overload: Overload
  /** What clients reach. */
  readonly clients: HttpServer
  readonly metrics: Pick<Metrics, 'connectionsOpen'>
  readonly log: Logger
}

/** Begins to guard a listener. */
export function guardListener({ config, overload, clients, metrics, log }: GuardDeps): { close(): void } {
  const files = openFiles()
  const most = () => Math.min(config().overload.connections, Math.floor(files * FOR_CLIENTS))
  if (most() < config().overload.connections)
    log.warn({ connections: most(), open_files: files }, 'fewer connections than configured: too few open files')

  const now = () => performance.now()
  const relieve = createRelief({ overload, clients, most, collect: createCollector(), now })
  relieve()
  return startSampling({
    flags: [process.env['NODE_OPTIONS'] ?? '', ...process.execArgv].join(' '),
    take(sample) {
      overload.sample(sample)
      relieve()
      metrics.connectionsOpen.set(clients.connections)
    },
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

/** How many files, sockets among them, the process may have open; Infinity where the system does not tell. */
function openFiles(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined ? Infinity : Number(soft)
  } catch {
    return Infinity
  }
}
