/**
 * Lookups: what the directory says of a credential or an identity, through the caches.
 *
 * @module
 */
import { z } from 'zod'

import type { StalePolicy } from '#cache/freshness.ts'
import { cacheKey } from '#cache/key.ts'
import type { SharedCache } from '#cache/shared.ts'
import { createTiered, type Answer } from '#cache/tiered.ts'
import type { Asker } from '#request/asker.ts'
import type { Eventually } from '#request/verdict.ts'
import type { ApiKeyRecord, DirectoryReads, GrantsRecord, SessionRecord } from '#stores/reads.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

/**
 * Each answers at once when memory knows, and never rejects: a store that is away is `unavailable`.
 * What a stranger may make up needs the asker's leave beyond memory; grants are asked for identities that are proved.
 */
export interface Lookups {
  /** @param digest SHA-256 of the session value as sent, in lower-case hex */
  session(digest: string, stale: StalePolicy, asker: Asker): Eventually<Answer<SessionRecord>>
  apiKey(id: string, stale: StalePolicy, asker: Asker): Eventually<Answer<ApiKeyRecord>>
  grants(issuer: string, subject: string, stale: StalePolicy): Eventually<Answer<GrantsRecord>>
}

export interface LookupsOptions {
  readonly reads: DirectoryReads
  /** Absent without Redis. */
  readonly shared?: SharedCache | undefined
  /** Monotonic clock in milliseconds; `performance.now` unless a test gives another. */
  readonly clock?: () => number
  readonly metrics: Metrics
  readonly log: Logger
}

/** Most answers of each kind in memory: some 10 MB each when full. */
const MOST = 20_000

const list = z.array(z.string())
const optionalText = z.string().nullable()

const sessionSchema = z.strictObject({
  id: z.string(),
  subject: z.string(),
  expires_at: z.number(),
  revoked: z.boolean(),
  active: z.boolean(),
  email: optionalText,
  name: optionalText,
  tenant: optionalText,
}) satisfies z.ZodType<SessionRecord>

const apiKeySchema = z.strictObject({
  id: z.string(),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  subject: z.string(),
  name: optionalText,
  tenant: optionalText,
  roles: list,
  permissions: list,
  expires_at: z.number().nullable(),
  revoked: z.boolean(),
  active: z.boolean(),
}) satisfies z.ZodType<ApiKeyRecord>

const grantsSchema = z.strictObject({
  roles: list,
  permissions: list,
  active: z.boolean(),
}) satisfies z.ZodType<GrantsRecord>

/** Makes the lookups of a process; they live across reloads. */
export function createLookups({ reads, shared, clock = monotonic, metrics, log }: LookupsOptions): Lookups {
  const common = { shared, most: MOST, clock, metrics, log }
  const sessions = createTiered<string, SessionRecord>({
    ...common,
    name: 'session',
    key: (digest) => cacheKey('session', digest),
    source: (digest, stranger) => reads.session(digest, stranger),
    schema: sessionSchema,
  })
  const apiKeys = createTiered<string, ApiKeyRecord>({
    ...common,
    name: 'api_key',
    key: (id) => cacheKey('api_key', id),
    source: (id, stranger) => reads.apiKey(id, stranger),
    schema: apiKeySchema,
  })
  const grants = createTiered<readonly [issuer: string, subject: string], GrantsRecord>({
    ...common,
    name: 'grants',
    key: (identity) => cacheKey('grants', ...identity),
    source: ([issuer, subject]) => reads.grants(issuer, subject),
    schema: grantsSchema,
  })
  return {
    session: sessions,
    apiKey: apiKeys,
    grants: (issuer, subject, stale) => grants([issuer, subject], stale),
  }
}

function monotonic(): number {
  return performance.now()
}
