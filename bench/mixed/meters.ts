/**
 * Meters: what the gateways and stores have done so far, read before and after.
 *
 * @module
 */
import { memory } from '../usage.ts'
import { layers, type Layers } from './sightings.ts'
import type { World } from './world.ts'

export interface Reading {
  /** Lookups answered by each layer, by cache, of all gateways. */
  readonly lookups: Readonly<Record<string, Layers>>
  /** Queries that Postgres was asked. */
  readonly postgres: number
  /** Commands that Redis ran. */
  readonly redis: number
  /** Tokens remembered by the gateway that remembers most. */
  readonly tokens: number
  /** Resident memory of the gateway that has most, MiB. */
  readonly memory: number
  /** `performance.now()` */
  readonly at: number
}

/** Reads all meters. */
export async function read({ gateways, redis }: World): Promise<Reading> {
  const pages = await Promise.all(gateways.map((gateway) => gateway.metrics()))
  const sum = (pattern: string) => pages.reduce((total, page) => total + valueOf(page, pattern), 0)
  const lookupsOf = (cache: string): Layers => {
    const of = (layer: string) => sum(`heimdall_cache_reads_total{cache="${cache}",layer="${layer}"}`)
    return { l1: of('l1'), l2: of('l2'), source: of('source') }
  }
  const stats = await redis.client.info('stats')
  return {
    lookups: { session: lookupsOf('session'), grants: lookupsOf('grants'), api_key: lookupsOf('api_key') },
    postgres: sum('heimdall_store_query_duration_seconds_count{store="postgres"'),
    redis: Number(/total_commands_processed:(\d+)/.exec(stats)?.[1]),
    tokens: Math.max(...pages.map((page) => valueOf(page, 'heimdall_cache_entries{cache="tokens"}'))),
    memory: Math.max(...gateways.map(({ pid }) => memory([pid]).now)),
    at: performance.now(),
  }
}

/** The sum of all samples whose name and labels begin so. */
function valueOf(page: string, prefix: string): number {
  return page
    .split('\n')
    .filter((line) => line.startsWith(prefix))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** What was looked up between two readings. */
export function lookupsBetween(before: Reading, after: Reading): Record<string, Layers> {
  const between = ([cache, late]: [string, Layers]): [string, Layers] => {
    const early = before.lookups[cache]
    const counts = layers.map((layer) => [layer, late[layer] - (early?.[layer] ?? 0)])
    return [cache, Object.fromEntries(counts) as Layers]
  }
  return Object.fromEntries(Object.entries(after.lookups).map(between))
}
