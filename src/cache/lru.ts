/**
 * A bounded map in memory that forgets what was used least recently.
 *
 * @module
 */
import { LRUCache } from 'lru-cache'

/** What the caches count with; the whole `Metrics` fits. */
export interface EntriesGauge {
  readonly cacheEntries: { labels(labels: { cache: string }): { set(value: number): void } }
}

export interface Lru<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
  readonly size: number
}

/**
 * Makes one; `heimdall_cache_entries{cache}` follows its size.
 *
 * @param most entries it may hold
 */
export function createLru<V extends object>(cache: string, most: number, metrics: EntriesGauge): Lru<V> {
  const entries = new LRUCache<string, V>({ max: most })
  const gauge = metrics.cacheEntries.labels({ cache })
  const count = () => gauge.set(entries.size)
  count()
  return {
    get: (key) => entries.get(key),
    set: (key, value) => {
      entries.set(key, value)
      count()
    },
    delete: (key) => {
      entries.delete(key)
      count()
    },
    get size() {
      return entries.size
    },
  }
}
