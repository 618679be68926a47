/**
 * Which layer answered the lookups of a gateway, from its own metrics: the proof that a candidate is what its title says.
 *
 * @module
 */
import { request } from 'undici'

/** Reads by cache and layer: `session l2`. */
export type Layers = Readonly<Record<string, number>>

/** Reads so far; empty where there are no metrics. */
export async function layersOf(probes: string): Promise<Layers> {
  try {
    const { body } = await request(`${probes}/metrics`, { headersTimeout: 2000 })
    return readLayers(await body.text())
  } catch {
    return {}
  }
}

/** Reads the counters of `heimdall_cache_reads_total` in a page of metrics. */
export function readLayers(page: string): Layers {
  const lines = page.matchAll(/^heimdall_cache_reads_total\{([^}]*)\} (\d+)/gm)
  return Object.fromEntries(
    [...lines].map(([, labels = '', count]) => {
      const of = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? ''
      return [`${of('cache')} ${of('layer')}`, Number(count)]
    }),
  )
}

/** What was read in between, as shares of each cache: `{ 'session l2': 0.99, … }`. */
export function sharesBetween(before: Layers, after: Layers): Layers {
  const read = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
  const cacheOf = (name: string) => name.split(' ')[0]
  const sum = (cache: string | undefined) =>
    read.filter(([name]) => cacheOf(name) === cache).reduce((all, [, count]) => all + count, 0)
  return Object.fromEntries(
    read.filter(([, count]) => count > 0).map(([name, count]) => [name, count / sum(cacheOf(name))]),
  )
}
