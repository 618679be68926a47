/**
 * One version of the file in force: its rules, its upstreams, its metrics. A reload swaps the whole.
 *
 * @module
 */
import type { Config } from '#config/config.ts'
import type { Gate } from '#gate/compile.ts'
import type { CompiledRoute } from '#gate/route.ts'
import { corsResponseNames } from '#routing/cors.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import { routeMetrics, type RouteMetrics } from '#telemetry/observe.ts'

import type { DropField } from './response-fields.ts'
import type { Upstream } from './upstream.ts'
import type { Upstreams } from './upstreams.ts'

export interface Serving {
  readonly gate: Gate
  upstreamOf(route: CompiledRoute): Upstream
  /** Headers of answers that the route's upstream may not speak to clients. */
  dropsOf(route: CompiledRoute): DropField
  /** Undefined stands for requests that met no route. */
  metricsOf(route: CompiledRoute | undefined): RouteMetrics
  /** Those in use, for the registry to keep. */
  readonly upstreams: readonly Upstream[]
}

export interface ServingParts {
  readonly upstreams: Upstreams
  readonly metrics: Metrics
  /** Content of a PEM file. */
  readonly readFile: (path: string) => string
}

/** Puts a compiled configuration together with its upstreams. */
export function createServing(config: Config, gate: Gate, parts: ServingParts): Serving {
  const upstreams = new Map(
    Object.entries(config.upstreams).map(([name, options]) => {
      const ca = options.tls === undefined ? undefined : parts.readFile(options.tls.ca)
      return [name, parts.upstreams.get(name, options, ca)] as const
    }),
  )
  const perRoute = new Map(gate.routes.map((route) => [route, bind(route, upstreams, gate, parts)] as const))
  const unmatched = routeMetrics(parts.metrics, 'unmatched')
  const boundTo = (route: CompiledRoute): Bound => {
    const bound = perRoute.get(route)
    if (bound === undefined) throw new RangeError(`route ${route.name} is of another version of the file`)
    return bound
  }

  return {
    gate,
    upstreamOf: (route) => boundTo(route).upstream,
    dropsOf: (route) => boundTo(route).drops,
    metricsOf: (route) => (route === undefined ? unmatched : boundTo(route).metrics),
    upstreams: [...upstreams.values()],
  }
}

interface Bound {
  readonly upstream: Upstream
  readonly drops: DropField
  readonly metrics: RouteMetrics
}

function bind(
  route: CompiledRoute,
  upstreams: ReadonlyMap<string, Upstream>,
  gate: Gate,
  { metrics }: ServingParts,
): Bound {
  const upstream = upstreams.get(route.config.upstream)
  if (upstream === undefined) throw new RangeError(`route ${route.name} names no upstream`)
  const drops = gate.dropsResponseHeader
  const cors = new Set(corsResponseNames)
  return {
    upstream,
    drops: route.cors === undefined ? drops : (name) => cors.has(name) || drops(name),
    metrics: routeMetrics(metrics, route.name),
  }
}
