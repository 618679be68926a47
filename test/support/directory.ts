/**
 * A directory in memory: our port `DirectoryReads`, with the lookups over it and a clock that stands still.
 *
 * @module
 */
import { createLookups, type Lookups } from '#authn/lookups.ts'
import { digest } from '#directory/secrets.ts'
import type { ApiKeyRecord, DirectoryReads, GrantsRecord, SessionRecord } from '#stores/reads.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

export const END = Date.UTC(2100, 0, 1)

export interface TestDirectory {
  readonly sessions: Map<string, SessionRecord>
  readonly apiKeys: Map<string, ApiKeyRecord>
  readonly people: Map<string, GrantsRecord>
  readonly lookups: Lookups
  readonly reads: DirectoryReads
  /** Monotonic clock, milliseconds. */
  now: number
  down: boolean
  /** How often it was asked. */
  asked: number
}

export function testDirectory(): TestDirectory {
  const sessions = new Map<string, SessionRecord>()
  const apiKeys = new Map<string, ApiKeyRecord>()
  const people = new Map<string, GrantsRecord>()
  const answer = <T>(find: () => T): Promise<T> => {
    directory.asked += 1
    return directory.down ? Promise.reject(new Error('away')) : Promise.resolve(find())
  }
  const none: GrantsRecord = { roles: [], permissions: [], active: true }
  const reads: DirectoryReads = {
    session: (sent) => answer(() => sessions.get(sent)),
    apiKey: (id) => answer(() => apiKeys.get(id)),
    grants: (issuer, subject) => answer(() => people.get(`${issuer} ${subject}`) ?? none),
  }
  const lookups = createLookups({ reads, clock: () => directory.now, metrics: createMetrics(), log: silent })
  const directory: TestDirectory = { sessions, apiKeys, people, lookups, reads, now: 0, down: false, asked: 0 }
  return directory
}

/** Alice's session, good for long. */
export function sessionRecord(part: Partial<SessionRecord> = {}): SessionRecord {
  const person = { subject: 'alice', email: 'alice@acme.test', name: 'Alice', tenant: 'acme' }
  return { id: 's1', ...person, expires_at: END, revoked: false, active: true, ...part }
}

/** A key of a reporting service. */
export function apiKeyRecord(key: string, part: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  const grants = { roles: ['user'], permissions: ['orders:read'] }
  const state = { expires_at: null, revoked: false, active: true }
  return { id: 'k1', digest: digest(key), subject: 'reporting', name: null, tenant: null, ...grants, ...state, ...part }
}
