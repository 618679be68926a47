/**
 * Every backend of the process: a reload asks for those it needs and lets the others go.
 *
 * @module
 */
import type { Metrics } from '#telemetry/metrics.ts'

import { Backend, type BackendOptions, type BackendParts } from './backend.ts'

export interface Backends {
  /** The backend of these options: the living one if there is one. */
  get(options: BackendOptions): Backend
  /** Keeps the backends in use and retires the others; their requests under way finish. */
  retain(inUse: Iterable<Backend>): void
  /** Cuts all connections. */
  close(): void
}

type BackendMetrics = Pick<Metrics, 'upstreamConnections' | 'upstreamUnresolved' | 'upstreamEjected'>

/** Makes the registry; what the metrics say of backends is collected from it on every scrape. */
export function createBackends(metrics: BackendMetrics, parts: BackendParts = {}): Backends {
  const backends = new Map<string, Backend>()
  const { upstreamConnections, upstreamUnresolved, upstreamEjected } = metrics

  Object.assign(upstreamConnections, { collect: () => collectConnections(upstreamConnections, backends.values()) })
  const count = (gauge: CountGauge, counts: (backend: Backend) => boolean) =>
    Object.assign(gauge, { collect: () => collectCount(gauge, backends.values(), counts) })
  count(upstreamUnresolved, (backend) => backend.unresolved)
  count(upstreamEjected, (backend) => backend.ejected)

  return {
    get(options) {
      const { upstream, url, ca = null, connections, connectTimeout } = options
      const key = JSON.stringify([upstream, url, ca, connections, connectTimeout])
      const backend = backends.get(key) ?? new Backend(options, parts)
      backends.set(key, backend)
      return backend
    },
    retain(inUse) {
      const kept = new Set(inUse)
      for (const [key, backend] of backends) {
        if (kept.has(backend)) continue
        backends.delete(key)
        void backend.retire()
      }
    },
    close() {
      for (const backend of backends.values()) backend.destroy()
    },
  }
}

type CountGauge = Metrics['upstreamEjected' | 'upstreamUnresolved']

function collectConnections(gauge: Metrics['upstreamConnections'], backends: Iterable<Backend>): void {
  gauge.reset()
  for (const { upstream, stats } of backends) {
    const { connected, running, pending } = stats
    gauge.inc({ upstream, state: 'connected' }, connected)
    gauge.inc({ upstream, state: 'running' }, running)
    gauge.inc({ upstream, state: 'pending' }, pending)
  }
}

function collectCount(gauge: CountGauge, backends: Iterable<Backend>, counts: (backend: Backend) => boolean): void {
  gauge.reset()
  for (const backend of backends) gauge.inc({ upstream: backend.upstream }, counts(backend) ? 1 : 0)
}
