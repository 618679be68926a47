/**
 * Clients that are slow on purpose (F20, C9): heads and bodies that drip in, answers that nobody takes.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'

import { requestBytes } from '../support/ask.ts'
import { report } from '../support/figures.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { eventually, needs } from '../support/processes.ts'
import { connectRaw } from '../support/raw-client.ts'
import { startService, type Service } from '../support/service.ts'
import { startTraffic, statsOf } from '../support/traffic.ts'
import { connectionsTo, memoryOf } from '../support/usage.ts'
import { startFront } from './front.ts'

const SLOWHTTPTEST = '/usr/bin/slowhttptest'
const MIB = 1024 * 1024
const CLIENTS = 10
const RATE = 100 // requests a second, of those who are not slow
/** Milliseconds that other programs on the same two cores may cost, slowhttptest among them. */
const NOISE = 15
const PATIENCE = 2000 // milliseconds that nobody has to wait longer than, however many connections end at once

const asks = () => ({ kind: 'others', path: '/up/x' })

export interface SlowSizes {
  readonly connections: number
  /** Seconds. */
  readonly lasts: number
}

/** Each way to be slow: arguments, path, and how the gateway is to name what it ended, if it ends anything. */
const ways = {
  H: { what: 'heads that drip in', args: ['-H', '-i', '4'], path: '/up/x', ends: 'request_timeout' },
  B: {
    what: 'bodies that drip in',
    args: ['-B', '-i', '4', '-s', '8192', '-x', '10'],
    path: '/up/x',
    ends: 'request_timeout',
  },
  R: { what: 'ranges by the thousand', args: ['-R', '-t', 'GET'], path: '/up/x', ends: undefined },
  X: {
    what: 'answers that nobody takes',
    args: ['-X', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '3'],
    path: '/up/big',
    ends: 'client_closed',
  },
} as const

/** Suites of F20 with slowhttptest. */
export function slowhttptest({ connections, lasts }: SlowSizes): void {
  suite('slowhttptest', { skip: needs(SLOWHTTPTEST) }, () => {
    const keep = keeper()
    let service: Service
    let gateway: TestGateway

    before(async () => {
      const big = Buffer.alloc(MIB, 'x')
      service = keep(
        await startService((request, response) => {
          request.resume().on('end', () => response.end(request.url?.endsWith('/big') === true ? big : 'ok'))
        }),
      )
      gateway = keep(
        await startFront(
          { up: `{ targets: ["${service.url}"], timeout: { idle: 10s } }` },
          // other programs make this machine late, too: that is not what is asked here
          { route: 'max_body: 1MiB', top: 'overload: { delay: 10s }' },
        ),
      )
    })

    const endings = (outcome: string, from: number) =>
      gateway.lines.slice(from).filter((line) => line['outcome'] === outcome).length

    for (const [letter, { what, args, path, ends }] of Object.entries(ways))
      test(`F20: -${letter}, ${what}: others are served as ever, in memory that does not grow`, async () => {
        const traffic = keep(startTraffic(gateway.url, asks, { clients: CLIENTS, rate: RATE }))
        await sleep(3000)
        const [base, noted, memory] = [traffic.answers.length, gateway.lines.length, memoryOf(gateway.pid)]
        const run = [
          '-c',
          String(connections),
          '-r',
          '500',
          '-l',
          String(lasts),
          '-p',
          '5',
          ...args,
          '-u',
          gateway.url + path,
        ]
        const attack = runToEnd(run, lasts)
        const memories: number[] = []
        const timer = setInterval(() => memories.push(memoryOf(gateway.pid)), 250)
        const said = await attack
        clearInterval(timer)
        const answers = await traffic.stop()
        const [quiet, during] = [statsOf(answers.slice(0, base)), statsOf(answers.slice(base))]
        const half = Math.floor(memories.length / 2)
        const [early, late] = [Math.max(...memories.slice(0, half)), Math.max(...memories.slice(half))]
        const ended = ends === undefined ? 0 : endings(ends, noted)
        report(
          'F20',
          {
            way: `-${letter}`,
            connections,
            base_p50_ms: quiet.p50,
            p50_ms: during.p50,
            base_p99_ms: quiet.p99,
            p99_ms: during.p99,
            memory_MiB: memory,
            early_MiB: early,
            late_MiB: late,
            ended,
          },
          { total: during.count, failed: during.failed },
        )
        assert.match(said, /service available:\s+YES/)
        assert.equal(during.failed, 0, JSON.stringify(during.outcomes))
        assert.ok(
          during.p50 <= Math.max(2 * quiet.p50, quiet.p50 + NOISE),
          `median ${during.p50} after ${quiet.p50} ms`,
        )
        assert.ok(during.most <= PATIENCE, `somebody waited ${during.most} ms`)
        assert.ok(late <= early * 1.1 + 8, `memory grew from ${early} to ${late} MiB`)
        assert.ok(late - memory <= 32 + connections * 0.3, `${late - memory} MiB for ${connections} connections`)
        if (ends !== undefined) assert.ok(ended >= connections * 0.9, `${ended} of ${connections} were ended`)
        await eventually('no connection is left', () => connectionsTo(gateway.port).open === 0, 15_000)
      })
  })
}

function runToEnd(args: readonly string[], lasts: number): Promise<string> {
  const child = spawn(SLOWHTTPTEST, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TERM: 'dumb' },
  })
  const killed = setTimeout(() => child.kill('SIGKILL'), (lasts + 15) * 1000)
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  return new Promise((resolve) =>
    child.once('close', () => {
      clearTimeout(killed)
      resolve(stripVTControlCharacters(said))
    }),
  )
}

/** Suites of C9: a client that is slow holds no connection of the upstream beyond its pace. */
export function drips(connections: number): void {
  suite('bodies that drip in', () => {
    const keep = keeper()
    let service: Service
    let gateway: TestGateway
    let arrived = 0

    before(async () => {
      service = keep(
        await startService((request, response) => {
          arrived += 1
          request.on('error', () => undefined).resume()
          request.on('end', () => response.end('ok'))
        }),
      )
      gateway = keep(await startFront({ up: `"${service.url}"` }, { route: 'pace: { at_least: 100B/s, slack: 2s }' }))
    })

    test('C9 CVE-2026-88012: a body of a byte now and then holds the upstream for the slack, and is told 408', async () => {
      const traffic = keep(startTraffic(gateway.url, asks, { clients: CLIENTS, rate: RATE }))
      await eventually('a base', () => traffic.answers.length > 100)
      const base = traffic.answers.length
      const clients = await Promise.all(Array.from({ length: connections }, () => connectRaw(gateway.port)))
      const head = requestBytes('POST /up/x', { 'Content-Length': '100000' }, '')
      const [began, before] = [performance.now(), arrived]
      for (const client of clients) client.send(`${head}x`)
      await eventually('all are at the service', () => arrived - before >= connections)
      const drip = setInterval(() => clients.forEach((client) => client.ended() ?? client.send('x')), 200)
      const answers = await Promise.all(clients.map((client) => client.response({ deadline: 10_000 })))
      const took = performance.now() - began
      clearInterval(drip)
      assert.deepEqual(
        new Set(answers.map((answer) => `${answer.status} ${answer.header('connection')}`)),
        new Set(['408 close']),
      )
      assert.ok(took >= 2000 && took < 5000, `after ${took} ms`)
      await eventually('the upstream is let go', () => connectionsTo(service.port).open <= 2 * CLIENTS)
      for (const client of clients) client.destroy()
      const all = await traffic.stop()
      const [quiet, during] = [statsOf(all.slice(0, base)), statsOf(all.slice(base))]
      report(
        'C9',
        { connections, slack_ms: 2000, took_ms: took, base_p99_ms: quiet.p99, p99_ms: during.p99 },
        { total: during.count, failed: during.failed },
      )
      assert.equal(during.failed, 0)
    })
  })
}
