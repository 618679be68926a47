/**
 * The contract of `DirectoryReads`, on every implementation: the same answers from Postgres and from embedded PGlite.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { digest, newApiKey, newSession } from '#directory/secrets.ts'
import { openEmbedded } from '#stores/embedded.ts'
import { migrate } from '#stores/migrations.ts'
import { connectPostgres } from '#stores/postgres.ts'
import { createSqlReads, type SqlReads } from '#stores/reads-sql.ts'
import type { SqlStore } from '#stores/sql-store.ts'
import {
  createApiKey,
  createSession,
  grant,
  revokeApiKey,
  setRole,
  upsertUser,
  type NewApiKey,
} from '#stores/writes.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import { sql } from 'kysely'

import { noPostgres, startPostgres } from '../support/postgres.ts'

const END = Date.UTC(2100, 0, 1)

async function issueKey(db: SqlStore['db'], wanted: NewApiKey) {
  const made = newApiKey()
  await createApiKey(db, made, wanted)
  return made
}

async function startSession(db: SqlStore['db'], session: { subject: string; expires_at: number }) {
  const made = newSession()
  await createSession(db, made, session)
  return made
}

interface Opened {
  readonly store: SqlStore
  close(): Promise<void>
}

async function openOnPostgres(): Promise<Opened> {
  const server = await startPostgres()
  const store = connectPostgres(server.url, { log: silent, timeout: 10_000 })
  const close = async () => {
    await store.close()
    await server.stop()
  }
  return { store, close }
}

async function openOnPGlite(): Promise<Opened> {
  const directory = mkdtempSync(join(tmpdir(), 'heimdall-pglite-'))
  const store = await openEmbedded(directory)
  return { store, close: () => store.close().finally(() => rmSync(directory, { recursive: true, force: true })) }
}

function contract(name: string, skip: string | false, open: () => Promise<Opened>) {
  suite(`DirectoryReads on ${name}`, { skip }, () => {
    let opened: Opened
    let store: SqlStore
    let reads: SqlReads

    before(async () => {
      opened = await open()
      store = opened.store
      await migrate(store.db)
      reads = createSqlReads(store, { metrics: createMetrics(), log: silent })
      await setRole(store.db, 'user', ['orders:write', 'orders:read'])
      await setRole(store.db, 'auditor', ['orders:read', 'audit:read'])
    })
    after(async () => {
      reads.close()
      await opened.close()
    })

    test('finds a session by its digest, with the facts of its person', async () => {
      await upsertUser(store.db, { id: 'alice', email: 'alice@acme.test', name: 'Alice', tenant: 'acme' })
      const { id, value } = await startSession(store.db, { subject: 'alice', expires_at: END })
      assert.deepEqual(await reads.session(digest(value)), {
        id,
        subject: 'alice',
        expires_at: END,
        revoked: false,
        active: true,
        email: 'alice@acme.test',
        name: 'Alice',
        tenant: 'acme',
      })
    })

    test('answers undefined for a digest and an id that nobody has', async () => {
      assert.equal(await reads.session(digest('nobody')), undefined)
      assert.equal(await reads.apiKey('nobody'), undefined)
    })

    test('tells that a session was revoked', async () => {
      const { id, value } = await startSession(store.db, { subject: 'alice', expires_at: END })
      await store.db
        .updateTable('heimdall.sessions')
        .set({ revoked_at: sql`now()` })
        .where('id', '=', id)
        .execute()
      assert.equal((await reads.session(digest(value)))?.revoked, true)
    })

    test('tells that the person of a session is disabled or gone', async () => {
      await upsertUser(store.db, { id: 'carol', state: 'disabled' })
      const disabled = await startSession(store.db, { subject: 'carol', expires_at: END })
      const gone = await startSession(store.db, { subject: 'nobody', expires_at: END })
      assert.equal((await reads.session(digest(disabled.value)))?.active, false)
      assert.equal((await reads.session(digest(gone.value)))?.active, false)
    })

    test('keeps a person of another issuer out of sessions', async () => {
      await upsertUser(store.db, { id: 'eve', issuer: 'https://id.acme.test' })
      const { value } = await startSession(store.db, { subject: 'eve', expires_at: END })
      assert.equal((await reads.session(digest(value)))?.active, false)
    })

    test('finds an API key by its id, its roles expanded to permissions', async () => {
      const { id, value: key } = await issueKey(store.db, {
        subject: 'reporting',
        name: 'nightly',
        tenant: 'acme',
        roles: ['user', 'auditor', 'user'],
        permissions: ['reports:run', 'orders:read'],
        expires_at: END + 1,
      })
      assert.deepEqual(await reads.apiKey(id), {
        id,
        digest: digest(key),
        subject: 'reporting',
        name: 'nightly',
        tenant: 'acme',
        roles: ['auditor', 'user'],
        permissions: ['audit:read', 'orders:read', 'orders:write', 'reports:run'],
        expires_at: END + 1,
        revoked: false,
        active: true,
      })
    })

    test('answers nulls and empty lists for a key that has nothing more', async () => {
      const { id } = await issueKey(store.db, { subject: 'bare' })
      const found = await reads.apiKey(id)
      assert.deepEqual(
        [found?.name, found?.tenant, found?.expires_at, found?.roles, found?.permissions],
        [null, null, null, [], []],
      )
    })

    test('tells that a key was revoked, and revokes it once', async () => {
      const { id } = await issueKey(store.db, { subject: 'reporting' })
      assert.equal(await revokeApiKey(store.db, id), true)
      assert.equal(await revokeApiKey(store.db, id), false)
      assert.equal((await reads.apiKey(id))?.revoked, true)
    })

    test('tells that the subject of a key is disabled', async () => {
      await upsertUser(store.db, { id: 'carol', state: 'disabled' })
      const { id } = await issueKey(store.db, { subject: 'carol' })
      assert.equal((await reads.apiKey(id))?.active, false)
    })

    test('gives an identity its roles, and its permissions both direct and through roles', async () => {
      const identity = { issuer: 'https://id.acme.test', subject: 'bob' }
      await grant(store.db, identity, { roles: ['user', 'ghost'], permissions: ['orders:read', 'b', 'B'] })
      await grant(store.db, identity, { roles: ['user'] })
      assert.deepEqual(await reads.grants(identity.issuer, identity.subject), {
        roles: ['ghost', 'user'],
        permissions: ['B', 'b', 'orders:read', 'orders:write'],
        active: true,
      })
    })

    test('keeps equal subjects of two issuers apart', async () => {
      await grant(store.db, { issuer: 'https://a.test', subject: 'dave' }, { roles: ['user'] })
      assert.deepEqual(await reads.grants('https://b.test', 'dave'), { roles: [], permissions: [], active: true })
    })

    test('tells that an identity is disabled', async () => {
      await upsertUser(store.db, { id: 'mallory', issuer: 'https://id.acme.test', state: 'disabled' })
      assert.equal((await reads.grants('https://id.acme.test', 'mallory')).active, false)
    })

    test('follows a role that loses a permission', async () => {
      await setRole(store.db, 'shrinking', ['a', 'b'])
      await grant(store.db, { issuer: 'i', subject: 's' }, { roles: ['shrinking'] })
      await setRole(store.db, 'shrinking', ['b'])
      assert.deepEqual((await reads.grants('i', 's')).permissions, ['b'])
      await setRole(store.db, 'shrinking', [])
      assert.deepEqual((await reads.grants('i', 's')).permissions, [])
    })

    test('answers a crowd of identities, each its own', async () => {
      const subjects = Array.from({ length: 250 }, (_, index) => `crowd-${index}`)
      for (const subject of subjects.slice(0, 20))
        await grant(store.db, { issuer: 'i', subject }, { roles: ['user'], permissions: [`of:${subject}`] })
      await upsertUser(store.db, { id: 'crowd-7', issuer: 'i', state: 'disabled' })
      const found = await Promise.all(subjects.map((subject) => reads.grants('i', subject)))
      for (const [index, { roles, permissions, active }] of found.entries()) {
        assert.deepEqual(roles, index < 20 ? ['user'] : [])
        assert.deepEqual(permissions, index < 20 ? [`of:crowd-${index}`, 'orders:read', 'orders:write'] : [])
        assert.equal(active, index !== 7)
      }
    })

    test('lets nobody else fail with text that the database cannot hold', async () => {
      const [other, strange] = await Promise.allSettled([reads.grants('i', 'other'), reads.grants('i', 'nul\0')])
      assert.deepEqual([other.status, strange.status], ['fulfilled', 'rejected'])
    })

    test('takes hostile text as text', async () => {
      const hostile = "'; drop table heimdall.grants; --"
      await grant(store.db, { issuer: hostile, subject: hostile }, { roles: [hostile] })
      assert.deepEqual((await reads.grants(hostile, hostile)).roles, [hostile])
    })

    test('rejects text that the database cannot hold, without opening the breaker', async () => {
      for (let count = 0; count < 30; count += 1) await assert.rejects(reads.grants('issuer', 'nul\0'))
      assert.equal(await reads.ready(), true)
    })

    test('migrates a second time without doing anything', async () => {
      assert.deepEqual(await migrate(store.db), { applied: [], before: 1 })
    })

    test('has a role that reads and cannot write', async () => {
      await store.db.transaction().execute(async (transaction) => {
        await sql`set local role heimdall_gateway`.execute(transaction)
        const { rows } = await sql<{ n: number }>`select count(*)::int as n from heimdall.users`.execute(transaction)
        assert.ok((rows[0]?.n ?? 0) > 0)
      })
      const tables = ['users', 'roles', 'role_permissions', 'grants', 'sessions', 'api_keys', 'migrations']
      for (const table of tables) {
        const attempt = store.db.transaction().execute(async (transaction) => {
          await sql`set local role heimdall_gateway`.execute(transaction)
          await sql`delete from ${sql.table(`heimdall.${table}`)}`.execute(transaction)
        })
        await assert.rejects(attempt, { code: '42501' }, table)
      }
    })
  })
}

contract('Postgres', noPostgres, openOnPostgres)
contract('embedded PGlite', false, openOnPGlite)
