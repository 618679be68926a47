import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'

import { reset } from '#http/reset.ts'

import { until } from '../support/wire.ts'

suite('a reset', () => {
  const server = createServer({ allowHalfOpen: true })
  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => server.close())

  const many = Buffer.alloc(16 * 1024 * 1024)
  const states: [what: string, (socket: Socket) => unknown][] = [
    ['is open', () => undefined],
    ['has just been ended', (socket) => socket.end()],
    ['has just been ended with its last words', (socket) => socket.end('bye')],
    ['was ended some time ago', (socket) => turn(socket.end())],
    ['is to end when much is taken', (socket) => socket.end(many)],
    ['is gone', (socket) => socket.destroy()],
  ]
  for (const [what, prepare] of states)
    test(`closes a connection that ${what}`, async () => {
      const accepted = once(server, 'connection') as Promise<[Socket]>
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
      const [socket] = await accepted
      client.pause()
      socket.on('error', () => {})
      let closed = false
      socket.on('close', () => (closed = true))
      await prepare(socket)
      reset(socket)
      await until(() => closed, 'the close')
      client.destroy()
    })
})
