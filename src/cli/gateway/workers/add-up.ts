/**
 * Metrics of several processes as those of one: counters and histograms are added up, gauges as each of them says.
 *
 * prom-client has as much, behind a door that loads what no gateway needs.
 *
 * @module
 */
import type { Metric } from 'prom-client'

import { Registry } from '#telemetry/prom-client.ts'

export type Sample = {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  /** Of a histogram: which of its series. */
  readonly metricName?: string
}

/** What a registry tells of one metric, as `getMetricsAsJSON` gives it. */
export interface Told {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly aggregator: string
  readonly values: readonly Sample[]
}

const ways: Readonly<Record<string, (one: number, other: number) => number>> = {
  sum: (one, other) => one + other,
  max: Math.max,
  min: Math.min,
}

/** Adds up what several processes told. */
export function addUp(pages: readonly (readonly Told[])[]): Told[] {
  const metrics = Map.groupBy(pages.flat(), ({ name }) => name)
  return [...metrics.values()].flatMap((all) => {
    const [first] = all
    return first === undefined ? [] : [{ ...first, values: addSamples(all, ways[first.aggregator] ?? Math.max) }]
  })
}

function addSamples(all: readonly Told[], add: (one: number, other: number) => number): Sample[] {
  const series = new Map<string, Sample>()
  for (const sample of all.flatMap(({ values }) => values)) {
    const name = JSON.stringify([
      sample.metricName,
      Object.entries(sample.labels).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ])
    const before = series.get(name)
    series.set(name, before === undefined ? sample : { ...before, value: add(before.value, sample.value) })
  }
  return [...series.values()]
}

/** Writes them as a registry would. */
export function asText(metrics: readonly Told[]): Promise<string> {
  const registry = new Registry()
  // The registry asks for a name and `get` only; its type names the four classes of prom-client.
  for (const metric of metrics)
    registry.registerMetric({ name: metric.name, get: () => Promise.resolve(metric) } as unknown as Metric)
  return registry.metrics()
}
