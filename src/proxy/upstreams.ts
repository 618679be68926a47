/**
 * Every upstream of the process, by its block in the file: a reload keeps those whose block it leaves as it was, with all
 * that is known of them. An open breaker stays open, and whoever mends a block in the file starts afresh.
 *
 * @module
 */
import type { UpstreamOptions } from '#config/upstream.ts'

import { breakerOf, createUpstream, type Upstream, type UpstreamParts } from './upstream.ts'

export interface Upstreams {
  /**
   * The upstream of this block: the living one if there is one.
   *
   * @param ca content of `tls.ca`, PEM
   */
  get(name: string, options: UpstreamOptions, ca: string | undefined): Upstream
  /** Keeps the upstreams in use and lets the others go; their requests under way finish. */
  retain(inUse: Iterable<Upstream>): void
  /** Stops all timers and cuts all connections. */
  close(): void
}

/** Makes the registry; `parts` are the same for all upstreams. */
export function createUpstreams(parts: Omit<UpstreamParts, 'ca'>): Upstreams {
  const { backends, metrics } = parts
  const upstreams = new Map<string, Upstream>()

  return {
    get(name, options, ca) {
      const key = JSON.stringify([name, options, ca])
      const upstream = upstreams.get(key) ?? createUpstream(name, options, { ...parts, ca })
      upstreams.set(key, upstream)
      return upstream
    },
    retain(inUse) {
      const kept = new Set(inUse)
      const names = new Set([...kept].map(({ name }) => name))
      for (const [key, upstream] of upstreams) {
        if (kept.has(upstream)) continue
        upstreams.delete(key)
        upstream.close()
        if (!names.has(upstream.name)) metrics.breakerState.remove({ breaker: breakerOf(upstream.name) })
      }
      backends.retain([...kept].flatMap((upstream) => upstream.backends))
    },
    close() {
      for (const upstream of upstreams.values()) upstream.close()
      backends.close()
    },
  }
}
