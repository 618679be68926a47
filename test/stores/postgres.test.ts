/**
 * Postgres as it fails: refused, hung, crashed, cut off, asked for too much.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { after, before, beforeEach, suite, test } from 'node:test'
import { sql } from 'kysely'
import { Client } from 'pg'

import { digest } from '#directory/secrets.ts'
import { CallRefused } from '#resilience/breaker.ts'
import { migrate } from '#stores/migrations.ts'
import { connectPostgres } from '#stores/postgres.ts'
import { createSqlReads, type SqlReads } from '#stores/reads-sql.ts'
import type { SqlStore } from '#stores/sql-store.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { noPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { eventually } from '../support/processes.ts'

const SLACK = 100 // milliseconds that a busy machine may add

async function timed(call: () => Promise<unknown>): Promise<{ took: number; error: unknown }> {
  const start = performance.now()
  const error = await call().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return { took: performance.now() - start, error }
}

suite('Postgres', { skip: noPostgres }, () => {
  let server: TestPostgres
  let admin: SqlStore
  let store: SqlStore
  let reads: SqlReads

  const open = (url: string) => {
    store = connectPostgres(url, { log: silent })
    reads = createSqlReads(store, { metrics: createMetrics(), log: silent })
  }
  const shut = async () => {
    reads.close()
    await store.close()
  }
  const ask = () => reads.session(digest('nobody'))
  const connections = async () => {
    const counted = sql<{
      n: number
    }>`select count(*)::int as n from pg_stat_activity where application_name = 'heimdall'`
    return (await counted.execute(admin.db)).rows[0]?.n ?? 0
  }

  before(async () => {
    server = await startPostgres()
    admin = connectPostgres(server.url, { log: silent, timeout: 10_000, connections: 1 })
    await migrate(admin.db)
    open(server.url)
  })
  beforeEach(() => eventually('ready', () => reads.ready()))
  after(async () => {
    await shut()
    await admin.close()
    await server.stop()
  })

  test('ends every read within half a second when it hangs, then refuses at once, and recovers', async () => {
    await Promise.all(Array.from({ length: 20 }, ask))
    server.pause()
    const first = await Promise.all(Array.from({ length: 50 }, () => timed(ask)))
    assert.ok(first.every(({ error }) => error !== undefined))
    const longest = Math.max(...first.map(({ took }) => took))
    assert.ok(longest < 500 + SLACK, `${longest} ms`)
    const refused = await timed(ask)
    assert.ok(refused.error instanceof CallRefused && refused.took < 50, `${refused.took} ms`)
    server.resume()
    await eventually('back', async () => (await timed(ask)).error === undefined, 5000)
  })

  test('does not hand a connection with a hung statement to the next caller', async () => {
    const hung = timed(() => sql`select pg_sleep(30)`.execute(store.db))
    const { took, error } = await hung
    assert.ok(error !== undefined && took < 500 + SLACK, `${took} ms`)
    const after = await Promise.all(Array.from({ length: 20 }, () => timed(ask)))
    assert.ok(after.every((one) => one.error === undefined))
  })

  test('discards a connection that the server will not free', async () => {
    // A server that accepts, greets, and is silent from the first statement on.
    const sockets = new Set<Socket>()
    const silentServer = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
      const greeting = Buffer.from('5200000008000000005a0000000549', 'hex') // AuthenticationOk, ReadyForQuery
      socket.once('data', () => socket.write(greeting))
    })
    await new Promise<void>((resolve) => silentServer.listen(0, '127.0.0.1', resolve))
    const { port } = silentServer.address() as { port: number }
    const deaf = connectPostgres(`postgres://u@127.0.0.1:${port}/d`, { log: silent })
    const { took, error } = await timed(() => sql`select 1`.execute(deaf.db))
    assert.ok(error !== undefined && took < 1000, `${took} ms`)
    await eventually('its connection is closed', () => sockets.size === 0, 2000)
    await deaf.close()
    silentServer.close()
  })

  test('is refused at once when nobody listens', async () => {
    const other = connectPostgres('postgres://u@127.0.0.1:1/d', { log: silent })
    const { took, error } = await timed(() => sql`select 1`.execute(other.db))
    assert.ok(error instanceof Error && took < 500)
    await other.close()
  })

  test('survives a crash in the middle of reads, and recovers within five seconds', async () => {
    await Promise.all(Array.from({ length: 20 }, ask))
    const under = Promise.all(
      Array.from({ length: 10 }, () => timed(() => sql`select pg_sleep(0.3)`.execute(store.db))),
    )
    await server.crash()
    assert.ok((await under).every(({ took }) => took < 500 + SLACK))
    assert.equal(await reads.ready(), false)
    await server.restart()
    await eventually('back', async () => (await timed(ask)).error === undefined, 5000)
  })

  test('leaves a server that its name no longer leads to, however busy it is there', async () => {
    const [name, other] = [await startFaultProxy(server.port), await startPostgres()]
    const url = `postgres://postgres@127.0.0.1:${name.port}/postgres`
    const moving = connectPostgres(url, { log: silent, lifetime: 0.5 })
    const port = async () =>
      (await sql<{ port: number }>`select inet_server_port() as port`.execute(moving.db)).rows[0]?.port
    assert.equal(await port(), server.port)
    name.retarget(other.port)
    await eventually('it is asked elsewhere', async () => (await port()) === other.port, 3000)
    await moving.close()
    await Promise.all([name.close(), other.stop()])
  })

  test('survives idle connections that are cut off, as in a failover', async () => {
    await Promise.all(Array.from({ length: 10 }, ask))
    const client = new Client({ connectionString: server.url })
    await client.connect()
    await client.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'heimdall'")
    await client.end()
    await eventually('back', async () => (await timed(ask)).error === undefined, 5000)
  })

  test('gives up every connection that was open when all fell silent, and closes them without waiting', async () => {
    const proxy = await startFaultProxy(server.port)
    const behind = connectPostgres(server.url.replace(String(server.port), String(proxy.port)), { log: silent })
    const one = () => sql`select pg_sleep(0.1)`.execute(behind.db)
    await Promise.all(Array.from({ length: 8 }, one))
    assert.equal(proxy.open, 8)
    await proxy.set({ kind: 'half_open' })
    assert.ok((await timed(one)).error, 'the first finds out')
    for (let turn = 0; turn < 8; turn += 1) await one()
    await eventually('the old ones are closed', () => proxy.open === 1)
    await behind.close()
    await proxy.close()
  })

  test('keeps its breaker closed through thousands of unknown keys, with no more connections than the pool has', async () => {
    let most = 0
    for (let turn = 0; turn < 40; turn += 1) {
      const burst = Array.from({ length: 50 }, (_, index) => reads.apiKey(`unknown${turn}x${index}`))
      if (turn % 10 === 0) most = Math.max(most, await connections())
      assert.ok((await Promise.all(burst)).every((key) => key === undefined))
    }
    assert.ok(most <= 11, `${most} connections`)
  })

  test('lets the known go first, and one stranger hold a share of the line, without opening the breaker', async () => {
    const strangers = Array.from({ length: 1000 }, (_, index) =>
      timed(() => reads.session(digest(`s${index}`), '192.0.2.1')),
    )
    const known = await Promise.all(Array.from({ length: 700 }, () => timed(ask)))
    assert.ok(known.every(({ error }) => error === undefined))
    const outcomes = await Promise.all(strangers)
    const busy = outcomes.filter(({ error }) => error instanceof CallRefused && error.reason === 'busy')
    assert.equal(busy.length, 1000 - 3 - 250)
    assert.equal(outcomes.filter(({ error }) => error === undefined).length, 3 + 250)
    assert.equal(await reads.ready(), true)
  })

  test('takes a pause of this process for no failure of the server', async () => {
    const metrics = createMetrics()
    const other = connectPostgres(server.url, { log: silent })
    const paused = createSqlReads(other, { metrics, log: silent })
    const asked = Array.from({ length: 500 }, (_, index) => timed(() => paused.grants('issuer', `subject${index}`)))
    await new Promise((resolve) => setImmediate(resolve)) // connecting has begun
    const until = performance.now() + 1500
    while (performance.now() < until);
    await Promise.all(asked)
    const states = (await metrics.breakerChanges.get()).values
    assert.deepEqual(states, [])
    await eventually(
      'all is well',
      async () => (await timed(() => paused.grants('issuer', 'subject'))).error === undefined,
    )
    paused.close()
    await other.close()
  })

  test('counts and times reads', async () => {
    const metrics = createMetrics()
    const counted = createSqlReads(store, { metrics, log: silent })
    await counted.session(digest('nobody'))
    await assert.rejects(counted.grants('issuer', 'nul\0'))
    counted.close()
    assert.match(await metrics.registry.metrics(), /store_query_duration_seconds_count\{[^}]*query="session"[^}]*\} 1/)
    assert.deepEqual((await metrics.storeErrors.get()).values[0], { labels: { store: 'postgres' }, value: 1 })
  })
})

suite('migrate', { skip: noPostgres }, () => {
  test('may be run by several at once', async () => {
    const server = await startPostgres()
    const stores = Array.from({ length: 4 }, () => connectPostgres(server.url, { log: silent, timeout: 10_000 }))
    const reports = await Promise.all(stores.map(({ db }) => migrate(db)))
    assert.equal(reports.filter(({ applied }) => applied.length === 1).length, 1)
    assert.equal(reports.filter(({ applied }) => applied.length === 0).length, 3)
    await Promise.all(stores.map((store) => store.close()))
    await server.stop()
  })

  test('works for an owner who may not create roles, and says what failed to one who may not create tables', async () => {
    const server = await startPostgres()
    const admin = connectPostgres(server.url, { log: silent, timeout: 10_000 })
    await sql`create role owner login`.execute(admin.db)
    await sql`create role stranger login`.execute(admin.db)
    await sql`create database theirs owner owner`.execute(admin.db)
    const as = (user: string) => server.url.replace('postgres@', `${user}@`).replace(/postgres$/, 'theirs')
    const stranger = connectPostgres(as('stranger'), { log: silent, timeout: 10_000 })
    await assert.rejects(migrate(stranger.db), /permission denied/)
    const owner = connectPostgres(as('owner'), { log: silent, timeout: 10_000 })
    assert.deepEqual(await migrate(owner.db), { applied: ['0001-directory'], before: 0 })
    await Promise.all([admin, owner, stranger].map((store) => store.close()))
    await server.stop()
  })
})
