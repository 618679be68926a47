/**
 * Event streams that are silent for longer than every timeout, many at once (F22).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { report } from '../support/figures.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { eventually, kill } from '../support/processes.ts'
import { startService, type Service } from '../support/service.ts'
import { quantile } from '../support/traffic.ts'
import { connectionsTo, memoryOf } from '../support/usage.ts'
import { startFront } from './front.ts'

const LATE = 20 // milliseconds that an event may be later than without the gateway
const TIMEOUTS = 1000 // milliseconds: every timeout of the gateway that could end a stream
const DIRECT = 100 // streams past the gateway, to compare with
const AT_ONCE = 50 // streams that are opened together

export interface StreamSizes {
  readonly streams: number
  /** Milliseconds of silence, longer than every timeout. */
  readonly gap: number
  readonly events: number
}

/** Suites of F22. */
export function eventStreams({ streams, gap, events }: StreamSizes): void {
  suite(`${streams} event streams`, () => {
    const keep = keeper()
    const open = new Set<ServerResponse>()
    let service: Service
    let gateway: TestGateway
    let relay: Relay

    before(async () => {
      service = keep(
        await startService((_, response) => {
          response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders()
          open.add(response)
          response.on('close', () => open.delete(response))
        }),
      )
      relay = keep(await startRelay(service.port))
      const timeout = `timeout: { headers: ${TIMEOUTS}ms, idle: ${TIMEOUTS}ms }`
      gateway = keep(
        await startFront(
          { up: `{ targets: ["${service.url}"], ${timeout}, connections: ${streams + 10} }` },
          { route: `timeout: ${TIMEOUTS}ms, pace: { slack: ${TIMEOUTS}ms }` },
        ),
      )
    })

    test('F22: none is cut, every event comes at once, and streams end with their clients', async () => {
      const memory = memoryOf(gateway.pid)
      const through = await openStreams(gateway.url, streams)
      const direct = await openStreams(relay.url, DIRECT)
      await eventually('all are open', () => open.size === streams + DIRECT, 20_000)
      const all = [...open]
      for (let event = 0; event < events; event += 1) {
        const began = performance.now()
        for (const [index, response] of all.entries()) {
          const early = began + (index * gap) / all.length - performance.now()
          if (early > 1) await sleep(early)
          response.write(`data: ${performance.now()}\n\n`)
        }
        await sleep(Math.max(0, began + gap - performance.now()))
      }
      await eventually('every event has come', () => through.late.length >= streams * events)
      const [late, base] = [through.late, direct.late].map((times) => times.toSorted((one, other) => one - other))
      assert.ok(late && base)
      assert.equal(through.cut, 0)
      const grown = memoryOf(gateway.pid) - memory
      const left = performance.now()
      through.close()
      await eventually('every stream has ended at the service', () => open.size === DIRECT)
      const closed = performance.now() - left
      direct.close()
      const figures = { streams, events, gap_ms: gap, timeouts_ms: TIMEOUTS, base_p99_ms: quantile(base, 0.99) }
      report(
        'F22',
        {
          ...figures,
          late_p50_ms: quantile(late, 0.5),
          late_p99_ms: quantile(late, 0.99),
          closed_ms: closed,
          grown_MiB: grown,
        },
        { total: streams * events, failed: through.cut },
      )
      // one pause of a busy machine delays every event of its time: the figures tell of it, the median and the 95th of 100 judge
      for (const share of [0.5, 0.95]) {
        const [ours, without] = [quantile(late, share), quantile(base, share)]
        assert.ok(ours <= 1.5 * without + LATE, `${ours} ms late, ${without} ms without us, of ${share}`)
      }
      await eventually('no connection is left', () => connectionsTo(gateway.port).open === 0)
    })
  })
}

interface Relay {
  readonly url: string
  end(): Promise<void>
}

/** A process that only pipes connections: what it is late, the machine is late. */
async function startRelay(port: number): Promise<Relay> {
  const script = `
    const { connect, createServer } = require('node:net')
    const server = createServer({ noDelay: true }, (client) => {
      const service = connect({ port: ${port}, host: '127.0.0.1', noDelay: true })
      client.on('error', () => service.destroy()).on('close', () => service.destroy()).pipe(service)
      service.on('error', () => client.destroy()).on('close', () => client.destroy()).pipe(client)
    })
    server.listen(0, '127.0.0.1', () => console.log(server.address().port))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { url: `http://127.0.0.1:${Number(line.toString())}`, end: () => kill(child) }
}

interface Streams {
  /** Milliseconds from the writing of each event to its arrival. */
  readonly late: readonly number[]
  /** How many have ended. */
  readonly cut: number
  close(): void
}

async function openStreams(url: string, count: number): Promise<Streams> {
  const agent = new Agent({ keepAlive: false, maxSockets: Infinity })
  const late: number[] = []
  let [cut, closing] = [0, false]
  const answers: IncomingMessage[] = []
  const openOne = () => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    get(`${url}/up/x`, { agent }, resolve).on('error', (error) => (closing ? undefined : reject(error)))
    return promise
  }
  while (answers.length < count) {
    const some = Math.min(AT_ONCE, count - answers.length) // the timeouts are short, and all would come in one moment
    answers.push(...(await Promise.all(Array.from({ length: some }, openOne))))
  }
  assert.deepEqual(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
  for (const answer of answers) {
    answer.setEncoding('latin1').on('data', (text: string) => {
      for (const [, sent] of text.matchAll(/data: ([\d.]+)/g)) late.push(performance.now() - Number(sent))
    })
    answer.on('error', () => undefined).on('close', () => (cut += closing ? 0 : 1))
  }
  return {
    late,
    get cut() {
      return cut
    },
    close() {
      closing = true
      for (const answer of answers) answer.destroy()
    },
  }
}
