/**
 * What a lookup leaves in the evidence.
 *
 * @module
 */
import type { Found } from '#cache/tiered.ts'
import type { CacheLayer, Evidence } from '#request/evidence.ts'

const distance: Readonly<Record<CacheLayer, number>> = { file: 0, l1: 1, l2: 2, source: 3 }

/** Notes a lookup: of several, the farthest layer and the oldest answer count, since the decision rests on all of them. */
export function recordLookup(evidence: Evidence, found: Found<unknown>): void {
  if (found.kind === 'unavailable') return
  if (evidence.cache === undefined || distance[found.layer] > distance[evidence.cache]) evidence.cache = found.layer
  evidence.cache_age = Math.max(evidence.cache_age ?? 0, found.age)
  if (found.kind === 'found' && found.stale) evidence.stale = true
}
