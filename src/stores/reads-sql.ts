/**
 * What the data plane reads, from SQL: one statement per question.
 *
 * @module
 */
import { sql, type RawBuilder } from 'kysely'

import { sortedSet, type Grants } from '#request/principal.ts'
import { createBreaker } from '#resilience/breaker.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import type { ApiKeyRecord, DirectoryReads, GrantsRecord, SessionRecord } from './reads.ts'
import type { SqlStore } from './sql-store.ts'

const DEADLINE = 450 // milliseconds, so that a caller has its answer within 500
const MOST_READS = 300 // under way at once, most of them waiting for a connection: what ten connections answer in time at some 10 ms each

export interface SqlReads extends DirectoryReads {
  /** True when the database answers, for `/readyz`. */
  ready(): Promise<boolean>
  /** Stops the breaker's timers; the database itself is closed by who opened it. */
  close(): void
}

/**
 * Makes the reads of a database, under a deadline, a cap and a breaker.
 *
 * An unknown key is an answer, so a flood of them cannot open the breaker.
 */
export function createSqlReads({ kind, db }: SqlStore, { metrics, log }: { metrics: Metrics; log: Logger }): SqlReads {
  const breaker = createBreaker(kind, {
    timeout: DEADLINE,
    capacity: MOST_READS,
    volume: 20,
    errorShare: 0.5,
    inARow: 10,
    window: 10_000,
    resetAfter: 1000,
    counts: isOutage,
    metrics,
    log,
  })

  const first = async <T>(query: string, statement: RawBuilder<T>): Promise<T | undefined> => {
    const timed = metrics.storeDuration.startTimer({ store: kind, query })
    try {
      const { rows } = await breaker.run(() => statement.execute(db))
      timed()
      return rows[0]
    } catch (error) {
      metrics.storeErrors.inc({ store: kind })
      throw error
    }
  }

  return {
    session: (digest) => first('session', sessionByDigest(digest)),
    async apiKey(id) {
      const key = await first('api_key', apiKeyById(id))
      return key === undefined ? undefined : { ...key, ...inOrder(key) }
    },
    async grants(issuer, subject) {
      const grants = await first('grants', grantsOf(issuer, subject))
      if (grants === undefined) throw new TypeError('a statement without from clause answered no row')
      return { ...grants, ...inOrder(grants) }
    },
    ready: () =>
      first('ready', sql`select 1`).then(
        () => true,
        () => false,
      ),
    close: () => breaker.close(),
  }
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
function sessionByDigest(digest: string): RawBuilder<SessionRecord> {
  return sql<SessionRecord>`
    select session.id, session.subject,
      (extract(epoch from session.expires_at) * 1000)::float8 as expires_at,
      session.revoked_at is not null as revoked,
      coalesce(person.state = 'active', false) as active,
      person.email, person.name, person.tenant
    from heimdall.sessions session
    left join heimdall.users person on person.issuer = 'heimdall' and person.id = session.subject
    where session.digest = ${digest}`
}

/** A subject without a row among the people is a service, and active. */
function apiKeyById(id: string): RawBuilder<ApiKeyRecord> {
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
    where key.id = ${id}`
}

/** An identity that the directory does not know has no grants, and is active. */
function grantsOf(issuer: string, subject: string): RawBuilder<GrantsRecord> {
  return sql<GrantsRecord>`
    with held as (
      select kind, value from heimdall.grants where issuer = ${issuer} and subject = ${subject}
    )
    select
      array(select value from held where kind = 'role') as roles,
      array(
        select value from held where kind = 'permission'
        union
        select permission from heimdall.role_permissions where role in (select value from held where kind = 'role')
      ) as permissions,
      coalesce(
        (select state = 'active' from heimdall.users where issuer = ${issuer} and id = ${subject}),
        true
      ) as active`
}
