/**
 * Lookups: what the directory says of a credential or an identity, through the caches.
 *
 * @module
 */
import type { StalePolicy } from '#cache/freshness.ts'
import type { Found } from '#cache/tiered.ts'
import type { Eventually } from '#request/verdict.ts'
import type { ApiKeyRecord, GrantsRecord, SessionRecord } from '#stores/reads.ts'

/** Each answers at once when memory knows, and never rejects: a store that is away is `unavailable`. */
export interface Lookups {
  /** @param digest SHA-256 of the session value as sent, in lower-case hex */
  session(digest: string, stale: StalePolicy): Eventually<Found<SessionRecord>>
  apiKey(id: string, stale: StalePolicy): Eventually<Found<ApiKeyRecord>>
  grants(issuer: string, subject: string, stale: StalePolicy): Eventually<Found<GrantsRecord>>
}
