/**
 * Upstreams that are gone without a word: no FIN, no RST, no answer (F12).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { outcomeOf, requestBytes } from '../support/ask.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { report } from '../support/figures.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { connectRaw, exchange } from '../support/raw-client.ts'
import { startService } from '../support/service.ts'
import { connectionsTo } from '../support/usage.ts'
import { NO_BREAKER, startFront } from './front.ts'

const CONNECTIONS = 8
const LIMIT = 400 // milliseconds

/** Suites of F12; so often the upstream is gone. */
export function halfOpenUpstreams(rounds: number): void {
  suite('upstreams that are gone without a word', () => {
    const keep = keeper()
    let proxy: FaultProxy
    let gateway: TestGateway

    before(async () => {
      const service = keep(
        await startService(({ url = '' }, response) => {
          if (url.endsWith('/stream'))
            response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n')
          else if (url.endsWith('/part')) response.writeHead(200, { 'Content-Length': 100 }).write('part')
          else setTimeout(() => response.end('whole'), 20)
        }),
      )
      proxy = keep(await startFaultProxy(service.port))
      const timeout = `timeout: { headers: ${LIMIT}ms, idle: ${LIMIT}ms }, connections: ${CONNECTIONS}, ${NO_BREAKER}`
      gateway = keep(await startFront({ up: `{ targets: ["http://127.0.0.1:${proxy.port}"], ${timeout} }` }))
    })

    const ask = async (line = 'GET /up/x') => outcomeOf(await exchange(gateway.port, requestBytes(line)))
    const all = (count: number, line?: string) => Promise.all(Array.from({ length: count }, () => ask(line)))

    test('F12: connections that are gone cost one deadline, and no room in the pool', async () => {
      const figures = { late: 0, most_ms: 0 }
      for (let round = 0; round < rounds; round += 1) {
        assert.deepEqual(new Set(await all(CONNECTIONS)), new Set(['200']))
        await proxy.set({ kind: 'half_open' })
        const began = performance.now()
        const outcomes = await all(CONNECTIONS)
        figures.most_ms = Math.max(figures.most_ms, performance.now() - began)
        figures.late += outcomes.filter((outcome) => outcome === '504 upstream_timeout').length
        assert.ok(figures.most_ms < LIMIT * 2, `waited ${figures.most_ms} ms`)
        await proxy.set({ kind: 'pass' })
        assert.deepEqual(new Set(await all(3 * CONNECTIONS)), new Set(['200']), 'the pool is exhausted')
        assert.ok(connectionsTo(proxy.port).open <= CONNECTIONS)
      }
      assert.ok(figures.late > 0, 'no connection was gone')
      report('F12', { when: 'idle', rounds, ...figures, limit_ms: LIMIT })
    })

    test('F12: an answer whose upstream is gone in the middle is cut, and its connection closed', async () => {
      const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => connectRaw(gateway.port)))
      for (const client of clients) client.send(requestBytes('GET /up/part'))
      await Promise.all(clients.map((client) => client.until('part')))
      await proxy.set({ kind: 'half_open' })
      const began = performance.now()
      await Promise.all(clients.map((client) => assert.rejects(client.response(), /truncated/)))
      const took = performance.now() - began
      await eventually('every connection is closed', () => connectionsTo(proxy.port).open === 0)
      await proxy.set({ kind: 'pass' })
      assert.deepEqual(new Set(await all(CONNECTIONS)), new Set(['200']))
      report('F12', { when: 'mid body', count: CONNECTIONS, took_ms: took, limit_ms: LIMIT })
    })

    test('F12: an event stream, which no deadline ends, is watched by the keep-alive of TCP', async () => {
      const client = await connectRaw(gateway.port)
      client.send(requestBytes('GET /up/stream'))
      await client.until('data: 1')
      const { open, watched } = connectionsTo(proxy.port)
      assert.ok(open > 0)
      assert.equal(watched, open)
      client.destroy()
      report('F12', { when: 'event stream', open, watched })
    })
  })
}
