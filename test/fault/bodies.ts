/**
 * Large bodies, both ways, with either side slow (F21).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes, type Hash } from 'node:crypto'
import { request as startRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { request } from 'undici'

import { report } from '../support/figures.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { startService, type Service } from '../support/service.ts'
import { memoryOf, watchMemory } from '../support/usage.ts'
import { startFront } from './front.ts'

const MIB = 1024 * 1024
const WARM = Buffer.alloc(32 * MIB)
const STALL = 250 // milliseconds
const MOST_MEMORY = 32 // MiB above the base, for most of the time: when garbage is collected is a matter of chance
const FIRST = 50 // milliseconds that a first byte may be later than at the upstream

type Slow = 'neither' | 'client' | 'service'

export interface BodySizes {
  /** MiB. */
  readonly size: number
  /** How often the slow side stops. */
  readonly stalls: number
}

/** Suites of F21. */
export function largeBodies({ size, stalls }: BodySizes): void {
  suite(`bodies of ${size} MiB`, () => {
    const keep = keeper()
    const block = randomBytes(MIB)
    const sum = sumOf(block, size)
    const script = { slow: 'neither' as Slow, wrote: 0, received: '' }
    let service: Service
    let gateway: TestGateway

    /** Writes the whole body, with stalls when it is slow. */
    const send = async (to: Writable, slow: boolean) => {
      for (let count = 0; count < size; count += 1) {
        if (slow && count % Math.ceil(size / stalls) === 0) await sleep(STALL)
        if (count === 0) script.wrote = performance.now()
        if (!to.write(block)) await new Promise((resolve) => to.once('drain', resolve).once('close', resolve))
      }
      to.end()
    }

    const serveDown = (response: ServerResponse) => {
      response.writeHead(200, { 'Content-Length': size * MIB })
      void sleep(100).then(() => send(response, script.slow === 'service'))
    }
    const serveUp = async (request: IncomingMessage, response: ServerResponse) => {
      script.received = await receive(request, script.slow === 'service').then(({ sha256 }) => sha256)
      response.end(script.received)
    }

    before(async () => {
      service = keep(
        await startService((request, response) => {
          if (request.url === '/up/warm') request.resume().on('end', () => response.end(WARM))
          else if (request.method === 'GET') serveDown(response)
          else void serveUp(request, response)
        }),
      )
      gateway = keep(await startFront({ up: `"${service.url}"` }, { route: 'max_body: 2GiB' }))
      await Promise.all([warm('GET'), warm('POST')])
    })

    /** A gateway that has worked has grown once. */
    const warm = async (method: string) => {
      const answer = await request(`${gateway.url}/up/warm`, { method, body: method === 'POST' ? WARM : null })
      await answer.body.arrayBuffer()
    }
    const download = () =>
      new Promise<Received>((resolve, reject) => {
        const asked = startRequest(`${gateway.url}/up/x`, (response) => {
          receive(response, script.slow === 'client').then(resolve, reject)
        })
        asked.on('error', reject).end()
      })
    const upload = () =>
      new Promise<string>((resolve, reject) => {
        const headers = { 'Content-Length': size * MIB }
        const asked = startRequest(`${gateway.url}/up/x`, { method: 'POST', headers }, (response) => {
          response.setEncoding('utf8').once('data', resolve)
        })
        asked.on('error', reject)
        void send(asked, script.slow === 'client')
      })

    for (const slow of ['client', 'service'] as const) {
      test(`F21: down, ${slow} slow: unchanged, at once, in memory that does not grow`, async () => {
        script.slow = slow
        const base = memoryOf(gateway.pid)
        const watch = watchMemory(gateway.pid)
        const began = performance.now()
        const { sha256, firstAt } = await download()
        const { median, most } = watch.stop()
        const grown = median - base
        const first = firstAt - script.wrote
        report('F21', {
          way: 'down',
          slow,
          MiB: size,
          grown_MiB: grown,
          most_grown_MiB: most - base,
          first_byte_ms: first,
          took_ms: performance.now() - began,
        })
        assert.equal(sha256, sum)
        assert.ok(grown <= MOST_MEMORY, `grew by ${grown} MiB`)
        assert.ok(first <= FIRST, `the first byte came ${first} ms late`)
      })

      test(`F21: up, ${slow} slow: unchanged, in memory that does not grow`, async () => {
        script.slow = slow
        const base = memoryOf(gateway.pid)
        const watch = watchMemory(gateway.pid)
        const began = performance.now()
        const sha256 = await upload()
        const { median, most } = watch.stop()
        const grown = median - base
        report('F21', {
          way: 'up',
          slow,
          MiB: size,
          grown_MiB: grown,
          most_grown_MiB: most - base,
          took_ms: performance.now() - began,
        })
        assert.equal(sha256, sum)
        assert.ok(grown <= MOST_MEMORY, `grew by ${grown} MiB`)
      })
    }

    /** Reads a whole body without keeping it, with stalls when told to be slow. */
    const receive = async (from: Readable, slow: boolean): Promise<Received> => {
      const hash: Hash = createHash('sha256')
      let [seen, stopped, firstAt] = [0, 0, Number.NaN]
      for await (const chunk of from as AsyncIterable<Buffer>) {
        if (seen === 0) firstAt = performance.now()
        seen += chunk.length
        hash.update(chunk)
        if (slow && seen >= (stopped * size * MIB) / stalls) {
          stopped += 1
          await sleep(STALL)
        }
      }
      return { sha256: hash.digest('hex'), firstAt }
    }
  })
}

interface Received {
  readonly sha256: string
  /** `performance.now()` of the first byte. */
  readonly firstAt: number
}

function sumOf(block: Buffer, times: number): string {
  const hash = createHash('sha256')
  for (let count = 0; count < times; count += 1) hash.update(block)
  return hash.digest('hex')
}
