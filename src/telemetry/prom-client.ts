/**
 * What we use of prom-client. Its front door brings OpenTelemetry, a push client and `node:cluster` along, sixty files
 * of which nothing is called here; behind it are these.
 *
 * @module
 */
import { createRequire } from 'node:module'
import type * as Prom from 'prom-client'

const part = createRequire(import.meta.url)

export const Counter = part('prom-client/lib/counter.js') as typeof Prom.Counter
export const Gauge = part('prom-client/lib/gauge.js') as typeof Prom.Gauge
export const Histogram = part('prom-client/lib/histogram.js') as typeof Prom.Histogram
export const Registry = part('prom-client/lib/registry.js') as typeof Prom.Registry

export type Counter<Label extends string = string> = Prom.Counter<Label>
export type Gauge<Label extends string = string> = Prom.Gauge<Label>
export type Histogram<Label extends string = string> = Prom.Histogram<Label>
export type Registry = Prom.Registry
