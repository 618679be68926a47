/**
 * Open tunnels while the directory that they are judged by is away.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { upsertUser } from '#stores/writes.ts'

import { ask, outcomeOf } from '../support/ask.ts'
import { report } from '../support/figures.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { connectRaw } from '../support/raw-client.ts'
import { storeDirectory, type StoredDirectory } from '../support/stored-directory.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { accept, hello } from '../support/websocket.ts'

const CLOSE_1013 = '880203f5'

suite('F6: open tunnels and the directory', { skip: noPostgres }, () => {
  const keep = keeper()
  let upstream: Upstream
  let postgres: TestPostgres
  let directory: StoredDirectory
  let gateway: TestGateway

  before(async () => {
    upstream = keep(await startUpstream(accept))
    postgres = keep(await startPostgres())
    directory = keep(await storeDirectory(postgres.url))
    await upsertUser(directory.db, { id: 'alice' })
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
stores: { postgres: "${directory.url}" }
upstreams: { service: "${upstream.url}" }
authenticators: { login: { session: {} } }
routes: [{ path: /any, upstream: service, authenticate: [login] }]
`),
    )
  })

  test('F6: a tunnel lives through a short outage, and ends half a minute into one that lasts', async () => {
    const { value } = await directory.session('alice')
    const bearer = { Authorization: `Bearer ${value}` }
    const client = await connectRaw(gateway.port)
    client.send(hello('/any', bearer))
    assert.equal((await client.response()).status, 101)

    const began = performance.now()
    await postgres.crash()
    await new Promise((resolve) => setTimeout(resolve, 15_000))
    assert.equal(outcomeOf(await ask(gateway, 'GET /any', bearer)), '503 store_unavailable')
    assert.equal(client.ended(), undefined)
    await client.closed(45_000)
    const took = performance.now() - began
    assert.ok(took > 25_000 && took < 42_000, `ended after ${took} ms`)
    assert.equal(client.pending().toString('hex'), CLOSE_1013)
    const { outcome, status } = await gateway.line(({ path, status: told }) => path === '/any' && told === 101)
    assert.deepEqual([outcome, status], ['store_unavailable', 101])
    client.destroy()
    report('F6', { what: 'open tunnel without a directory', ended_after_ms: Math.round(took) })
  })
})
