/**
 * The end of a gateway at full load (F16).
 *
 * @module
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { request } from 'undici'
import { WebSocket, WebSocketServer } from 'ws'

import { requestBytes } from '../support/ask.ts'
import { report } from '../support/figures.ts'
import type { TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { connectRaw } from '../support/raw-client.ts'
import { startService } from '../support/service.ts'
import { startFront } from './front.ts'

const GRACE = 5000 // milliseconds
const SLOW = 2000 // milliseconds that some answers take
const NOTICE = 500 // milliseconds until readiness must have failed, on a busy machine

export interface DrainSizes {
  /** Keep-alive connections that ask again at once. */
  readonly clients: number
  /** Answers under way. */
  readonly slow: number
  readonly sockets: number
}

/** What became of one keep-alive client. */
interface Fate {
  /** Whole answers. */
  answers: number
  /** Of those asked for once readiness had failed, how many did not say that they were the last. */
  unannounced: number
  end: string
}

/** Suites of F16. */
export function drainAtFullLoad({ clients, slow, sockets }: DrainSizes): void {
  suite('SIGTERM at full load', () => {
    const keep = keeper()

    test('F16: nobody who keeps to HTTP sees an error, tunnels are told, and it is over within grace', async () => {
      const service = keep(
        await startService(({ url = '' }, response) => {
          if (url.endsWith('/slow')) setTimeout(() => response.end('slow'), SLOW)
          else response.end('quick')
        }),
      )
      const peers = new WebSocketServer({ host: '127.0.0.1', port: 0 })
      keep({ stop: async () => peers.close() })
      await once(peers, 'listening')
      const port = (peers.address() as { port: number }).port
      const upstreams = { up: `"${service.url}"`, ws: `"http://127.0.0.1:${port}"` }
      const gateway = keep(await startFront(upstreams, { grace: `${GRACE}ms` }))

      const signal = { noticed: Infinity }
      const fates = Array.from({ length: clients }, () => live(gateway, signal))
      const tunnels = Array.from({ length: sockets }, () => openTunnel(gateway))
      await Promise.all(tunnels.map(({ opened }) => opened))
      const before = Array.from({ length: slow }, () => askOnce(gateway, '/up/slow'))
      await sleep(1000)

      const began = performance.now()
      const code = gateway.end('SIGTERM')
      await eventually('readiness fails', async () => (await probe(gateway, '/readyz')) === 503)
      signal.noticed = performance.now()
      const unready = signal.noticed - began
      const [late, lives] = [askOnce(gateway, '/up/slow'), await probe(gateway, '/livez')]
      assert.deepEqual(new Set(await Promise.all([...before, late])), new Set(['200 slow close']))
      const ended = await Promise.all(fates)
      const closes = await Promise.all(tunnels.map(({ closed }) => closed))
      assert.equal(await code, 0)
      const took = performance.now() - began

      const total = ended.reduce((sum, { answers }) => sum + answers, 0)
      const unannounced = ended.reduce((sum, fate) => sum + fate.unannounced, 0)
      const broken = ended.filter(({ end }) => end !== 'end').length
      const told = closes.filter((how) => how === 1001).length
      const figures = {
        clients,
        unready_ms: unready,
        took_ms: took,
        grace_ms: GRACE,
        websockets: sockets,
        told_1001: told,
      }
      report('F16', figures, { total: total + slow + 1, failed: broken })
      assert.deepEqual(
        ended.filter(({ end }) => end !== 'end'),
        [],
      )
      assert.equal(unannounced, 0, 'answers without Connection: close')
      assert.deepEqual(new Set(closes), new Set([1001]))
      assert.equal(lives, 200)
      assert.ok(unready < NOTICE, `unready after ${unready} ms`)
      assert.ok(took < GRACE, `took ${took} ms`)
      assert.equal(gateway.errors(), '')
    })
  })
}

/** Asks again and again on one connection, until an answer says that it is the last, as a good client does. */
async function live(gateway: TestGateway, signal: { readonly noticed: number }): Promise<Fate> {
  const client = await connectRaw(gateway.port)
  const fate: Fate = { answers: 0, unannounced: 0, end: '' }
  try {
    for (;;) {
      const began = performance.now()
      client.send(requestBytes('GET /up/x'))
      const answer = await client.response()
      assert.deepEqual([answer.status, answer.text], [200, 'quick'])
      fate.answers += 1
      if (answer.header('connection') === 'close') break
      if (began > signal.noticed) fate.unannounced += 1
    }
    fate.end = await client.closed()
  } catch (error) {
    fate.end = String(error)
  }
  client.destroy()
  return fate
}

async function askOnce(gateway: TestGateway, path: string): Promise<string> {
  const client = await connectRaw(gateway.port)
  client.send(requestBytes(`GET ${path}`))
  const answer = await client.response({ deadline: SLOW + GRACE })
  client.destroy()
  return `${answer.status} ${answer.text} ${answer.header('connection')}`
}

async function probe(gateway: TestGateway, path: string): Promise<number> {
  const { statusCode, body } = await request(gateway.probes + path)
  await body.dump()
  return statusCode
}

/** A tunnel, and the code that it closes with. */
function openTunnel(gateway: TestGateway) {
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/ws/x`)
  const opened = new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  return { opened, closed }
}
