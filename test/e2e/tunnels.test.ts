/**
 * Open tunnels end with what opened them: asked again every 5 s, through caches that are believed for 5 s.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, suite, test } from 'node:test'

import { grant, revokeApiKey, upsertUser } from '#stores/writes.ts'

import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres, startPostgres } from '../support/postgres.ts'
import { connectRaw } from '../support/raw-client.ts'
import { sample } from '../support/samples.ts'
import { storeDirectory, type StoredDirectory } from '../support/stored-directory.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { accept, hello } from '../support/websocket.ts'
import { until } from '../support/wire.ts'

/** Milliseconds until a change is in force at a tunnel: one question, one life of an answer, and what a busy machine adds. */
const BOUND = 10_000 + 2000
const CLOSE_1008 = '880203f0'
const FILE_KEY = 'a key of the file'

const bearer = (value: string) => ({ Authorization: `Bearer ${value}` })

type Headers = Readonly<Record<string, string>>

suite('C16: an open tunnel', { skip: noPostgres }, () => {
  const keep = keeper()
  let upstream: Upstream
  let directory: StoredDirectory
  let gateway: TestGateway

  const file = ({ key = true, removed = true } = {}) => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
stores: { postgres: "${directory.url}" }
upstreams: { service: "${upstream.url}" }
authenticators:
  login: { session: {} }
  keys: { api_key: { keys: [${key ? `{ id: listed, subject: robot, digest: "sha256:${sha256(FILE_KEY)}" }` : ''}] } }
defaults: { upstream: service, authenticate: [login, keys] }
routes:
  - { name: any, path: /any }
  - { name: staff, path: /staff, require: { roles: [staff] } }
  - { name: open, path: /open, public: true }
${removed ? '  - { name: removed, path: /removed, public: true }' : ''}
`

  before(async () => {
    upstream = keep(await startUpstream(accept))
    const postgres = keep(await startPostgres())
    directory = keep(await storeDirectory(postgres.url))
    const { db } = directory
    for (const id of ['alice', 'bob', 'carol', 'dora', 'eve']) await upsertUser(db, { id })
    for (const subject of ['bob', 'carol'])
      await grant(db, { issuer: 'heimdall', subject }, { roles: ['staff', 'night-shift'] })
    gateway = keep(await serve(file()))
  })

  const open = async (path: string, headers: Headers = {}) => {
    const client = await connectRaw(gateway.port)
    client.send(hello(path, headers))
    assert.equal((await client.response()).status, 101)
    const id = upstream.requests.at(-1)?.header('x-request-id')
    const service = upstream.connections[upstream.requests.at(-1)?.connection ?? -1]
    return { client, id, service }
  }
  type Open = Awaited<ReturnType<typeof open>>

  /** Waits for the end of a tunnel: its frame, its line, and how long it took since `began`. */
  const endOf = async ({ client, id, service }: Open, began: number) => {
    await client.closed(BOUND + 5000)
    const took = performance.now() - began
    await until(() => service?.socket.readableEnded === true, 'the end at the service')
    const { outcome, status } = await gateway.line(({ msg, request_id }) => msg === 'request' && request_id === id)
    client.destroy()
    return { took, outcome, status, frame: client.pending().toString('hex') }
  }

  const dropRole = (subject: string, value: string) =>
    directory.db.deleteFrom('heimdall.grants').where('subject', '=', subject).where('value', '=', value).execute()

  test('ends within 10 s of its session, its key, its person, its role, and its place in the file; others stay', async () => {
    const { db } = directory
    const robot = await directory.apiKey({ subject: 'robot' })
    const [alice, bob, carol, dora, eve] = await Promise.all(
      ['alice', 'bob', 'carol', 'dora', 'eve'].map((subject) => directory.session(subject)),
    )
    assert.ok(alice && bob && carol && dora && eve)
    const key = (value: string) => ({ 'X-API-Key': value })
    const changes: readonly (readonly [string, Open, () => Promise<unknown> | void, string])[] = [
      ['session', await open('/any', bearer(alice.value)), () => directory.endSession(alice.id), 'invalid_session'],
      ['key', await open('/any', key(robot.value)), () => revokeApiKey(db, robot.id), 'invalid_api_key'],
      ['role', await open('/staff', bearer(bob.value)), () => dropRole('bob', 'staff'), 'permission_denied'],
      ['told', await open('/any', bearer(carol.value)), () => dropRole('carol', 'night-shift'), 'permission_denied'],
      [
        'person',
        await open('/any', bearer(dora.value)),
        () => upsertUser(db, { id: 'dora', state: 'disabled' }),
        'invalid_session',
      ],
      ['listed', await open('/any', key(FILE_KEY)), () => {}, 'invalid_api_key'],
      ['route', await open('/removed'), () => {}, 'route_unknown'],
    ]
    const staying = [await open('/open'), await open('/any', bearer(eve.value))]

    const began = performance.now()
    await grant(db, { issuer: 'heimdall', subject: 'eve' }, { roles: ['staff'] })
    for (const [, , change] of changes) await change()
    gateway.rewrite(file({ key: false, removed: false }))
    const ends = await Promise.all(changes.map(([, tunnel]) => endOf(tunnel, began)))

    for (const [index, [what, , , outcome]] of changes.entries()) {
      const end = ends[index]
      assert.ok(end !== undefined && end.took < BOUND, `${what} ended after ${end?.took} ms`)
      assert.deepEqual([what, end.outcome, end.status, end.frame], [what, outcome, 101, CLOSE_1008])
    }
    assert.equal(sample(await gateway.metrics(), 'heimdall_tunnels_closed_total', { reason: 'refused' }), 7)
    for (const { client } of staying) {
      assert.equal(client.ended(), undefined, 'nothing that was told is untrue')
      client.destroy()
    }
  })
})

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
