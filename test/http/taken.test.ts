import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { refuse } from '#http/respond.ts'
import { createHttpServer } from '#http/server.ts'
import { expectTaken } from '#http/taken.ts'
import { deny } from '#request/verdict.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { keeper } from '../support/keeper.ts'
import { connectRaw } from '../support/raw-client.ts'
import { until } from '../support/wire.ts'

const MIB = 1024 * 1024
const SIZE = 16 * MIB // more than the system buffers
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

suite('an answer of the gateway', () => {
  const keep = keeper()
  const responses: ServerResponse[] = []

  async function deaf(respond: (response: ServerResponse) => void, requests = get) {
    responses.length = 0
    const request = (_: unknown, response: ServerResponse) => {
      responses.push(response)
      respond(response)
    }
    const server = createHttpServer({ log: silent, metrics: createMetrics() }, { request })
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
    const client = await connectRaw(port)
    client.socket.pause()
    client.send(requests)
    await until(() => responses.length === requests.split(' / ').length - 1, 'the requests')
    keep({
      close() {
        client.destroy()
        server.cut()
        return server.stop()
      },
    })
    return { server, client }
  }

  test('that nobody takes ends with a reset', async () => {
    const { server, client } = await deaf((response) => {
      response.end(Buffer.alloc(SIZE))
      expectTaken(response, 100)
    })
    await until(() => server.connections === 0, 'the end')
    client.socket.resume()
    assert.equal(await client.closed(), 'reset')
  })

  test('that is taken in time ends nothing', async () => {
    const { server, client } = await deaf((response) => {
      response.end(Buffer.alloc(SIZE))
      expectTaken(response, 1000)
    })
    client.socket.removeAllListeners('data').resume()
    await until(() => responses[0]?.writableFinished === true, 'the end of the answer')
    await sleep(1100)
    assert.equal(server.connections, 1)
  })

  test('has its time when its turn comes', async () => {
    const { client } = await deaf((response) => {
      if (responses.length === 2) expectTaken(response.end('second'), 200)
    }, get + get)
    await sleep(400)
    client.socket.resume()
    responses[0]?.end('first')
    assert.equal((await client.response()).text, 'first')
    assert.equal((await client.response()).text, 'second')
    assert.equal(client.ended(), undefined)
  })

  test('gets ten seconds when it is a refusal', async () => {
    const { server, client } = await deaf((response) => {
      refuse(response, deny('no_credentials', '', { 'X-Long': 'x'.repeat(SIZE) }), { request_id: 'a' })
    })
    const began = performance.now()
    await until(() => server.connections === 0, 'the end', 15_000)
    assert.ok(performance.now() - began > 9_000)
    client.socket.resume()
    assert.equal(await client.closed(), 'reset')
  })
})
