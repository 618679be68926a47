/**
 * A histogram for the request path: prom-client's own looks its labels up on every observation (0.25 µs),
 * which eight observations a request would make the dearest part of the telemetry. Here a child is bound once
 * and an observation is one addition; the registry reads the sums when it is scraped.
 *
 * @module
 */
import type { Metric, Registry } from 'prom-client'

/** One series: the observations of one set of label values. */
export interface Durations {
  observe(seconds: number): void
}

interface Series extends Durations {
  readonly labels: Readonly<Record<string, string>>
  /** Observations per bucket, not yet added up; the last one holds what no bound covers. */
  readonly counts: Float64Array
  sum: number
}

interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

export interface DurationMetricOptions {
  readonly name: string
  readonly help: string
  /** The one label; its values come from a closed set. */
  readonly label: string
  /** Upper bounds in seconds, ascending. */
  readonly buckets: readonly number[]
  readonly registry: Registry
}

/** Durations in seconds by one label, in Prometheus' histogram form. */
export class DurationMetric {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #label: string
  readonly #buckets: readonly number[]
  readonly #series = new Map<string, Series>()

  constructor({ name, help, label, buckets, registry }: DurationMetricOptions) {
    this.name = name
    this.help = help
    this.#label = label
    this.#buckets = buckets
    // The registry asks for a name, `get` and `reset` only; its type names the four classes of prom-client.
    registry.registerMetric(this as unknown as Metric)
  }

  /** The series of a label value, the same one each time. */
  of(value: string): Durations {
    const known = this.#series.get(value)
    if (known !== undefined) return known
    const made = series({ [this.#label]: value }, this.#buckets)
    this.#series.set(value, made)
    return made
  }

  /** What the registry asks for at a scrape. */
  async get() {
    const values = [...this.#series.values()].flatMap((one) => this.#samples(one))
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values }
  }

  reset(): void {
    this.#series.clear()
  }

  #samples({ labels, counts, sum }: Series): Sample[] {
    let total = 0
    const cumulative = [...this.#buckets, '+Inf'].map((le, index) => {
      total += counts[index] ?? 0
      return { metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: total }
    })
    return [
      ...cumulative,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: total },
    ]
  }
}

function series(labels: Series['labels'], bounds: readonly number[]): Series {
  const counts = new Float64Array(bounds.length + 1)
  const made: Series = {
    labels,
    counts,
    sum: 0,
    observe(seconds) {
      let index = 0
      while (index < bounds.length && seconds > (bounds[index] ?? 0)) index += 1
      counts[index] = (counts[index] ?? 0) + 1
      made.sum += seconds
    },
  }
  return made
}
