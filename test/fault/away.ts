/**
 * Upstreams that are not there, or as good as not there (F9).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { before, suite, test } from 'node:test'

import { never } from '../support/answers.ts'
import { outcomeOf, requestBytes } from '../support/ask.ts'
import { report } from '../support/figures.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { eventually, freePort, kill } from '../support/processes.ts'
import { exchange } from '../support/raw-client.ts'
import { sample } from '../support/samples.ts'
import { startService } from '../support/service.ts'
import { quantile } from '../support/traffic.ts'
import { startUpstream } from '../support/upstream.ts'
import { NO_BREAKER, startFront } from './front.ts'

const LIMIT = 1000 // milliseconds, of each step
const MOST = 1.1 // times the limit

/** Suites of F9; `requests` of each kind, at once. */
export function upstreamsAway(requests: number): void {
  suite('upstreams that are away', () => {
    const keep = keeper()
    let gateway: TestGateway
    let alive = 0

    before(async () => {
      const service = keep(
        await startService((_, response) => {
          alive += 1
          response.end('alive')
        }),
      )
      const silent = keep(await startUpstream(never))
      const hole = keep(await startHole())
      const [dead, other] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
      const timeout = `timeout: { connect: ${LIMIT}ms, headers: ${LIMIT}ms }, ${NO_BREAKER}`
      gateway = keep(
        await startFront({
          refused: `{ targets: ["${dead}"], ${timeout} }`,
          hole: `{ targets: ["http://127.0.0.1:${hole.port}"], timeout: { connect: ${LIMIT}ms, headers: 30s }, ${NO_BREAKER} }`,
          silent: `{ targets: ["${silent.url}"], ${timeout} }`,
          half: `{ targets: ["${dead}", "${service.url}"], ${timeout}, balance: round_robin }`,
          none: `{ targets: ["${dead}", "${other}"], ${timeout} }`,
        }),
      )
    })

    const ask = async (line: string) => {
      const began = performance.now()
      const response = await exchange(gateway.port, requestBytes(line))
      return { outcome: outcomeOf(response), ms: performance.now() - began }
    }
    const ejected = async (upstream: string) =>
      sample(await gateway.metrics(), 'heimdall_upstream_targets_ejected', { upstream })

    const kinds = [
      { name: 'refused', outcome: '502 upstream_unreachable', limit: 0 },
      { name: 'hole', outcome: '504 upstream_timeout', limit: LIMIT },
      { name: 'silent', outcome: '504 upstream_timeout', limit: LIMIT },
    ]
    /** What it takes the machine to refuse as many without any wait. */
    let machine = 0
    for (const { name, outcome, limit } of kinds)
      test(`F9: ${name}: ${outcome} within the time of the file and a tenth more`, async () => {
        const answers = await Promise.all(Array.from({ length: requests }, () => ask(`POST /${name}/x`)))
        const times = answers.map(({ ms }) => ms).toSorted((one, two) => one - two)
        assert.deepEqual(new Set(answers.map((answer) => answer.outcome)), new Set([outcome]))
        const [first = 0, last = 0] = [times[0], times.at(-1)]
        report('F9', { kind: name, limit_ms: limit, p50_ms: quantile(times, 0.5), most_ms: last, count: times.length })
        if (limit === 0) machine = last
        assert.ok(first >= limit - 5 && last <= limit * MOST + machine, `between ${first} and ${last} ms`)
      })

    test('F9: of two targets the dead one is left out after five failures, and costs no GET its answer', async () => {
      const outcomes: string[] = []
      for (let count = 0; count < requests; count += 1) outcomes.push((await ask('GET /half/x')).outcome)
      assert.deepEqual(new Set(outcomes), new Set(['200']))
      assert.equal(await ejected('half'), 1)
      const before = alive
      for (let count = 0; count < requests; count += 1) assert.equal((await ask('POST /half/x')).outcome, '200')
      assert.equal(alive, before + requests)
      report('F9', { kind: 'one of two', ejected: 1, count: 2 * requests }, { total: 2 * requests, failed: 0 })
    })

    test('F9: the last target is never left out, however dead', async () => {
      const outcomes: string[] = []
      for (let count = 0; count < requests; count += 1) outcomes.push((await ask('GET /none/x')).outcome)
      assert.deepEqual(new Set(outcomes), new Set(['502 upstream_unreachable']))
      assert.equal(await ejected('none'), 1)
      report('F9', { kind: 'all dead', ejected: 1, count: outcomes.length })
    })
  })
}

/** A port at which connections neither come about nor are refused: its process is stopped, and its queue is full. */
async function startHole() {
  const script = `const s = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line.toString())
  child.kill('SIGSTOP')
  const queue: Socket[] = []
  const hangs = () => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    queue.push(socket)
    return new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, 100, true)
      socket.once('connect', () => {
        clearTimeout(timer)
        resolve(false)
      })
    })
  }
  await eventually('the queue is full', hangs)
  return {
    port,
    async close() {
      for (const socket of queue) socket.destroy()
      await kill(child)
    },
  }
}
