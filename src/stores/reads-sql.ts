/**
 * What the data plane reads, from SQL: one statement per question, and for many who ask it at once.
 *
 * @module
 */
import { sql, type RawBuilder } from 'kysely'

import { sortedSet, type Grants } from '#request/principal.ts'
import { createBreaker } from '#resilience/breaker.ts'
import { createBatching } from '#resilience/batching.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import type { ApiKeyRecord, DirectoryReads, GrantsRecord, SessionRecord } from './reads.ts'
import type { SqlStore } from './sql-store.ts'

const DEADLINE = 450 // milliseconds, so that a caller has its answer within 500

/**
 * Statements under way at once for each kind of question: all of them together are one fewer than a pool has connections,
 * which is left for `ready`. So nobody waits inside the pool, whose queue is not fair and takes a pause of ours for a failure.
 */
const CALLS = 3
const KEYS = 100 // sessions, API keys or identities that one statement asks for

/** How many questions of a kind may wait: fewer of strangers, and of one client no more than a crowd behind it would ask. */
const places = { all: 1000, strangers: 750, each: 250 }

type Identity = readonly [issuer: string, subject: string]

export interface SqlReads extends DirectoryReads {
  /** True when the database answers, for `/readyz`. */
  ready(): Promise<boolean>
  /** Stops the breaker's timers; the database itself is closed by who opened it. */
  close(): void
}

interface Deps {
  readonly metrics: Metrics
  readonly log: Logger
}

/**
 * Makes the reads of a database, under a deadline, a cap and a breaker.
 *
 * An unknown key is an answer, and waiting for one's turn is no failure, so no flood of keys can open the breaker.
 */
export function createSqlReads(store: SqlStore, deps: Deps): SqlReads {
  const { breaker, rowsOf } = createStatements(store, deps)

  /** Answers each key with what `entry` makes of the row that holds it. */
  const byKey = <R, T>(
    query: string,
    statement: (asked: readonly string[]) => RawBuilder<R>,
    entry: (row: R) => readonly [key: string, record: T],
  ) =>
    createBatching<string, T | undefined>({
      name: query,
      calls: CALLS,
      size: KEYS,
      patience: DEADLINE,
      places,
      put: async (asked) => {
        const found = new Map((await rowsOf(query, statement(asked))).map(entry))
        return asked.map((key) => found.get(key))
      },
    })

  const grantsFor = createBatching<Identity, GrantsRecord>({
    name: 'grants',
    calls: CALLS,
    size: KEYS,
    patience: DEADLINE,
    places,
    put: (asked) => rowsOf('grants', grantsOf(asked)),
  })

  return {
    session: byKey('session', sessionsByDigest, ({ digest, ...record }) => [digest, record]),
    apiKey: byKey('api_key', apiKeysById, (key) => [key.id, { ...key, ...inOrder(key) }]),
    async grants(issuer, subject) {
      if (`${issuer}${subject}`.includes('\0')) {
        deps.metrics.storeErrors.inc({ store: store.kind })
        throw new RangeError('a NUL, which no database holds: asked along with others, it would fail them all')
      }
      const found = await grantsFor([issuer, subject])
      return { ...found, ...inOrder(found) }
    },
    ready: () =>
      rowsOf('ready', sql`select 1`).then(
        () => true,
        () => false,
      ),
    close: () => breaker.close(),
  }
}

/** Runs statements under the breaker; `query` names the kind in the metrics. */
function createStatements({ kind, db }: SqlStore, { metrics, log }: Deps) {
  const breaker = createBreaker(kind, {
    timeout: DEADLINE,
    capacity: 100,
    volume: 20,
    errorShare: 0.5,
    inARow: CALLS, // the first statements that fail together are enough: each stands for many reads
    window: 10_000,
    resetAfter: 1000,
    counts: isOutage,
    metrics,
    log,
  })

  const rowsOf = async <T>(query: string, statement: RawBuilder<T>): Promise<readonly T[]> => {
    const timed = metrics.storeDuration.startTimer({ store: kind, query })
    try {
      const { rows } = await breaker.run(() => statement.execute(db))
      timed()
      return rows
    } catch (error) {
      metrics.storeErrors.inc({ store: kind })
      throw error
    }
  }
  return { breaker, rowsOf }
}

/** Sorted here: databases sort by their locale. */
function inOrder({ roles, permissions }: Grants): Grants {
  return { roles: sortedSet(roles), permissions: sortedSet(permissions) }
}

/** Text that Postgres cannot hold (SQLSTATE class 22), such as a NUL in a token's subject, says nothing about its health. */
function isOutage(error: unknown): boolean {
  return !(error instanceof Error && 'code' in error && String(error.code).startsWith('22'))
}

/** Times leave as numbers: drivers differ in the dates they make. */
function sessionsByDigest(digests: readonly string[]): RawBuilder<SessionRecord & { readonly digest: string }> {
  return sql`
    select session.digest, session.id, session.subject,
      (extract(epoch from session.expires_at) * 1000)::float8 as expires_at,
      session.revoked_at is not null as revoked,
      coalesce(person.state = 'active', false) as active,
      person.email, person.name, person.tenant
    from heimdall.sessions session
    left join heimdall.users person on person.issuer = 'heimdall' and person.id = session.subject
    where session.digest = any(${digests}::text[])`
}

/** A subject without a row among the people is a service, and active. */
function apiKeysById(ids: readonly string[]): RawBuilder<ApiKeyRecord> {
  return sql<ApiKeyRecord>`
    select key.id, key.digest, key.subject, key.name, key.tenant,
      key.roles,
      array(
        select permission from unnest(key.permissions) permission
        union
        select permission from heimdall.role_permissions where role = any(key.roles)
      ) as permissions,
      (extract(epoch from key.expires_at) * 1000)::float8 as expires_at,
      key.revoked_at is not null as revoked,
      coalesce(person.state = 'active', true) as active
    from heimdall.api_keys key
    left join heimdall.users person on person.issuer = 'heimdall' and person.id = key.subject
    where key.id = any(${ids}::text[])`
}

/** In the order of the identities; one that the directory does not know has no grants, and is active. */
function grantsOf(identities: readonly Identity[]): RawBuilder<GrantsRecord> {
  const issuers = identities.map(([issuer]) => issuer)
  const subjects = identities.map(([, subject]) => subject)
  return sql<GrantsRecord>`
    select held.roles,
      array(
        select value from heimdall.grants
        where issuer = asked.issuer and subject = asked.subject and kind = 'permission'
        union
        select permission from heimdall.role_permissions where role = any(held.roles)
      ) as permissions,
      coalesce(
        (select state = 'active' from heimdall.users where issuer = asked.issuer and id = asked.subject),
        true
      ) as active
    from unnest(${issuers}::text[], ${subjects}::text[]) with ordinality as asked(issuer, subject, place)
    cross join lateral (
      select array(
        select value from heimdall.grants
        where issuer = asked.issuer and subject = asked.subject and kind = 'role'
      ) as roles
    ) held
    order by asked.place`
}
