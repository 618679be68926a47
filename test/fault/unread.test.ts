/**
 * Clients that send ahead and read nothing: what they are owed waits in the service, not in the gateway.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { bulk } from '../support/answers.ts'
import { connectRaw, exchange, type RawClient } from '../support/raw-client.ts'
import { keeper } from '../support/keeper.ts'
import { startPlainProxy, type PlainProxy } from '../support/plain-proxy.ts'
import { standsStill } from '../support/wire.ts'
import { memoryOf } from '../support/usage.ts'

const MIB = 1024 * 1024
const CLIENTS = 40
const AHEAD = 20 // requests
const MOST_EACH = 4 // MiB that a connection may hold, all its answers together

suite('answers that nobody reads', () => {
  const keep = keeper()
  let plain: PlainProxy

  before(async () => {
    plain = await startPlainProxy(keep)
    await exchange(plain.port, 'GET /warm HTTP/1.1\r\nHost: a.test\r\n\r\n')
  })

  async function deaf(bytes: string): Promise<RawClient[]> {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connectRaw(plain.port)))
    for (const client of clients) {
      client.socket.pause()
      client.send(bytes)
    }
    return clients
  }

  test('stay in the service: forty clients that ask for 50 GiB fill nothing', async () => {
    plain.upstream.answer = bulk(Buffer.alloc(MIB, 'x'), 64)
    const before = memoryOf(plain.gateway.pid)
    const clients = await deaf('GET /bulk HTTP/1.1\r\nHost: a.test\r\n\r\n'.repeat(AHEAD))
    await plain.upstream.arrived(1 + CLIENTS)
    await standsStill(() => plain.upstream.requests.length, 'requests')
    await sleep(1000)
    const grown = memoryOf(plain.gateway.pid) - before
    for (const client of clients) client.destroy()
    assert.ok(grown < CLIENTS * MOST_EACH, `${grown} MiB more`)
  })

  test('fill nothing either when they are forty thousand refusals', async () => {
    const before = memoryOf(plain.gateway.pid)
    const clients = await deaf('GET /%2f HTTP/1.1\r\nHost: a.test\r\n\r\n'.repeat(1000))
    await standsStill(() => plain.gateway.lines.length, 'the log')
    const grown = memoryOf(plain.gateway.pid) - before
    for (const client of clients) client.destroy()
    assert.ok(grown < CLIENTS * MOST_EACH, `${grown} MiB more`)
    assert.equal((await exchange(plain.port, 'GET /%2f HTTP/1.1\r\nHost: a.test\r\n\r\n')).status, 400)
  })
})
