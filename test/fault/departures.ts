/**
 * Clients that go away at every moment of an exchange (F23).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { never } from '../support/answers.ts'
import { requestBytes } from '../support/ask.ts'
import { report } from '../support/figures.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { connectRaw } from '../support/raw-client.ts'
import { sample } from '../support/samples.ts'
import { quantile } from '../support/traffic.ts'
import { startUpstream, type Answer, type Upstream } from '../support/upstream.ts'
import { memoryOf, socketsOf } from '../support/usage.ts'
import { until } from '../support/wire.ts'
import { NO_BREAKER, startFront } from './front.ts'

const AT_ONCE = 50
const GONE = 200 // milliseconds until the upstream's connection is closed
const SLACK = 300 // milliseconds that other programs on the same two cores may cost the last of many

const part: Answer = (_request, { socket }) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart')

/** What clients send before they go, and what the service does meanwhile. */
const moments: Record<
  string,
  { readonly bytes: string; readonly answer: Answer; readonly seen: string; readonly asked: boolean }
> = {
  'in the head': { bytes: 'GET /up/x HTTP/1.1\r\nHost: a\r\nX-Ha', answer: never, seen: '', asked: false },
  'in the body': {
    bytes: requestBytes('POST /up/x', { 'Content-Length': '1000' }).concat('abc'),
    answer: never,
    seen: '',
    asked: true,
  },
  'while it waits': { bytes: requestBytes('GET /up/x'), answer: never, seen: '', asked: true },
  'in the answer': { bytes: requestBytes('GET /up/x'), answer: part, seen: 'part', asked: true },
}

/** Suites of F23; so many clients go at each moment. */
export function departures(count: number): void {
  suite(`${count} clients that go away`, () => {
    const keep = keeper()
    let upstream: Upstream
    let gateway: TestGateway

    before(async () => {
      upstream = keep(await startUpstream(never))
      gateway = keep(await startFront({ up: `{ targets: ["${upstream.url}"], ${NO_BREAKER} }` }))
    })

    for (const [when, { bytes, answer, seen, asked }] of Object.entries(moments))
      for (const how of ['end', 'reset'] as const)
        test(`F23: ${when}, by ${how}: the upstream is let go at once, and nothing is left behind`, async () => {
          upstream.answer = answer
          const [sockets, memory, logged] = [socketsOf(gateway.pid), memoryOf(gateway.pid), gateway.lines.length]
          const times: number[] = []
          const rounds = Math.ceil(count / 2 / AT_ONCE)
          for (let round = 0; round < rounds; round += 1) times.push(...(await goAway({ bytes, seen, asked, how })))
          const sorted = times.toSorted((one, other) => one - other)
          const total = rounds * AT_ONCE
          if (asked) {
            const lines = () => gateway.lines.slice(logged).filter((line) => line['status'] === 499)
            await eventually('a line of each', () => lines().length === total)
          }
          await eventually('no socket is left', () => socketsOf(gateway.pid) <= sockets)
          assert.equal(sample(await gateway.metrics(), 'heimdall_requests_in_flight'), 0)
          const [p50, most] = [quantile(sorted, 0.5), sorted.at(-1) ?? 0]
          report('F23', {
            when,
            how,
            count: total,
            closed_p50_ms: p50,
            closed_most_ms: most,
            grown_MiB: memoryOf(gateway.pid) - memory,
          })
          assert.ok(p50 <= GONE && most <= GONE + SLACK, `closed after ${p50} to ${most} ms`)
        })

    /** Some clients at once; the milliseconds until each was gone for the upstream. */
    const goAway = async ({ bytes, seen, asked, how }: Departure): Promise<number[]> => {
      const first = upstream.connections.length
      const clients = await Promise.all(Array.from({ length: AT_ONCE }, () => connectRaw(gateway.port)))
      for (const client of clients) client.send(bytes)
      const own = () => upstream.connections.slice(first)
      if (asked)
        await until(() => own().filter(({ requests }) => requests.length > 0).length === AT_ONCE, 'the requests')
      else await until(() => clients.every(({ socket }) => socket.bytesWritten > 0), 'the bytes')
      if (seen !== '') await Promise.all(clients.map((client) => client.until(seen)))
      for (const client of clients)
        if (how === 'reset') client.reset()
        else client.destroy()
      const left = performance.now()
      await until(() => upstream.open() === 0, 'the upstream to be let go')
      return own().map(({ closedAt = Infinity }) => closedAt - left)
    }
  })
}

interface Departure {
  readonly bytes: string
  readonly seen: string
  readonly asked: boolean
  readonly how: 'end' | 'reset'
}
