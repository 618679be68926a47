/**
 * WebSockets through the gateway: decided on as every request, then a tunnel.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { WebSocket } from 'ws'

import { serve } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'

suite('websocket, refusals', () => {
  const keep = keeper()

  test('refuses a path that no route answers', async () => {
    const gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "http://127.0.0.1:9" }
routes:
  - { path: /open, public: true, upstream: service }
`),
    )
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/nowhere`)
    socket.on('error', () => {})
    const status = await new Promise((resolve) =>
      socket.once('unexpected-response', (_, response) => resolve(response.statusCode)),
    )
    socket.terminate()
    assert.equal(status, 404)
  })
})
