/**
 * Every backend of the process: a reload asks for those it needs and lets the others go.
 *
 * @module
 */
import type { Metrics } from '#telemetry/metrics.ts'

import { Backend, type BackendOptions, type BackendParts } from './backend.ts'

export interface Pools {
  /** The backend of these options: the living one if there is one. */
  get(options: BackendOptions): Backend
  /** Keeps the backends in use and retires the others; their requests under way finish. */
  retain(inUse: Iterable<Backend>): void
  /** Cuts all connections. */
  close(): Promise<void>
}

type PoolMetrics = Pick<Metrics, 'upstreamConnections' | 'upstreamUnresolved' | 'upstreamEjected'>

/** Makes the registry; what the metrics say of backends is collected from it on every scrape. */
export function createPools(metrics: PoolMetrics, parts: BackendParts = {}): Pools {
  const backends = new Map<string, Backend>()
  const upstreams = new Map<Backend, string>()
  const { upstreamConnections, upstreamUnresolved, upstreamEjected } = metrics

  Object.assign(upstreamConnections, { collect: () => collectConnections(upstreamConnections, upstreams) })
  const count = (gauge: Metrics['upstreamEjected'], counts: (backend: Backend) => boolean) =>
    Object.assign(gauge, { collect: () => collectCount(gauge, upstreams, counts) })
  count(upstreamUnresolved, (backend) => backend.unresolved)
  count(upstreamEjected, (backend) => backend.ejected)

  return {
    get(options) {
      const { upstream, url, ca = null, connections, connectTimeout } = options
      const key = JSON.stringify([upstream, url, ca, connections, connectTimeout])
      const backend = backends.get(key) ?? new Backend(options, parts)
      backends.set(key, backend)
      upstreams.set(backend, upstream)
      return backend
    },
    retain(inUse) {
      const kept = new Set(inUse)
      for (const [key, backend] of backends) {
        if (kept.has(backend)) continue
        backends.delete(key)
        upstreams.delete(backend)
        void backend.retire()
      }
    },
    async close() {
      await Promise.all([...backends.values()].map((backend) => backend.destroy()))
    },
  }
}

function collectConnections(gauge: Metrics['upstreamConnections'], upstreams: ReadonlyMap<Backend, string>): void {
  gauge.reset()
  for (const [backend, upstream] of upstreams) {
    const { connected, running, pending } = backend.stats
    gauge.inc({ upstream, state: 'connected' }, connected)
    gauge.inc({ upstream, state: 'running' }, running)
    gauge.inc({ upstream, state: 'pending' }, pending)
  }
}

function collectCount(
  gauge: Metrics['upstreamEjected'],
  upstreams: ReadonlyMap<Backend, string>,
  counts: (backend: Backend) => boolean,
): void {
  gauge.reset()
  for (const [backend, upstream] of upstreams) gauge.inc({ upstream }, counts(backend) ? 1 : 0)
}
