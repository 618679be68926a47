import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { suite, test } from 'node:test'

import { sql } from 'kysely'

import { connectPostgres } from '#stores/postgres.ts'
import { silent } from '#telemetry/log.ts'

/** A message of the server: its type, its length, its body. */
function message(type: string, body: readonly number[]): Buffer {
  const length = body.length + 4
  return Buffer.from([
    type.charCodeAt(0),
    length >> 24,
    (length >> 16) & 255,
    (length >> 8) & 255,
    length & 255,
    ...body,
  ])
}

const welcome = Buffer.concat([message('R', [0, 0, 0, 0]), message('Z', [0x49])])
const row = message('D', [0, 1, 0, 0, 0, 1, 0x61])

/** A server that gives one answer to the first message of a connection, and one to whatever comes next. */
async function startServer(first: Buffer, next: Buffer) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(first)
      socket.on('data', () => socket.write(next))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { url: `postgres://user:secret@127.0.0.1:${port}/db`, close }
}

suite('a server that is no Postgres', () => {
  for (const [what, first, next] of [
    ['asks for a proof that nobody knows', message('R', [0, 0, 0, 99]), row],
    ['offers proofs that are none', message('R', [0, 0, 0, 10, 1, 2, 3]), row],
    ['says a row of a table that it has not told of', welcome, row],
    ['says messages of no length', welcome, Buffer.from([0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ['says messages of another length than theirs', welcome, message('T', [0, 9, 0, 0])],
    ['is done with what was never asked', Buffer.concat([welcome, message('C', [0x58, 0]), row]), row],
    ['says nothing that makes sense', Buffer.alloc(300, 0xee), row],
  ] as const)
    test(`fails who asks it, and ends nothing, when it ${what}`, async (t) => {
      const server = await startServer(first, next)
      t.after(() => server.close())
      const store = connectPostgres(server.url, { log: silent })
      t.after(() => store.close())
      for (let turn = 0; turn < 2; turn += 1) await assert.rejects(sql`select 1`.execute(store.db))
    })
})
