/**
 * Whoever reads the log may stall or go away: that costs lines, never requests, and never the end of the process.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { before, suite, test } from 'node:test'

import { request } from 'undici'

import { ask } from '../support/ask.ts'
import { serve } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { longest, startLoad, tally } from '../support/load.ts'
import { eventually, freePort, kill, output } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import { startService, type Service } from '../support/service.ts'

const MAIN = resolve(import.meta.dirname, '../../src/main.ts')
const LONG = `/x/${'l'.repeat(8000)}` // so that few requests fill every buffer
const SLACK = 1500 // milliseconds that a busy machine may add

suite('standard output', () => {
  const keep = keeper()
  let service: Service
  before(async () => {
    service = keep(await startService((_, response) => void response.end('served')))
  })

  const file = (listen = '127.0.0.1:0', probes = '127.0.0.1:0') => `
version: 1
listen: ${listen}
probes: ${probes}
grace: 1s
upstreams: { service: "${service.url}" }
routes:
  - { path: "/x/**", public: true, upstream: service }
`
  const dropped = async (probes: string) =>
    sample(await (await request(`${probes}/metrics`)).body.text(), 'heimdall_log_lines_dropped_total')

  /** Asks until lines are dropped, and a good while longer. */
  const flood = async (url: string, probes: string) => {
    const load = startLoad(url, () => ({ kind: 'x', path: LONG }), { connections: 20 })
    await eventually('lines are dropped', async () => (await dropped(probes)) > 0, 20_000)
    const seen = load.answers.length
    await eventually('more answers', () => load.answers.length > seen + 500, 20_000)
    const answers = await load.stop()
    assert.deepEqual(tally(answers), { 'x 200': answers.length })
    assert.ok(longest(answers) < 1000, `somebody waited ${longest(answers)} ms`)
  }

  test('closed by its reader: requests go on, and SIGTERM ends the process as ever', async () => {
    const gateway = keep(await serve(file()))
    gateway.child.stdout?.destroy()
    await flood(gateway.url, gateway.probes)
    assert.equal(await gateway.end(), 0)
    assert.equal(gateway.errors(), '')
  })

  test('stalled: requests go on, lines are dropped and counted, and the log goes on with its reader', async () => {
    const { gateway, pipe, end } = await start()
    await flood(gateway.url, gateway.probes)
    const buffer = Buffer.alloc(65_536)
    const read = () => {
      try {
        return buffer.toString('utf8', 0, readSync(pipe, buffer))
      } catch {
        return '' // nothing to read
      }
    }
    let text = ''
    await eventually('the log goes on', async () => {
      await ask(gateway, 'GET /x/after')
      for (let more = read(); more !== ''; more = read()) text += more
      return text.includes('"path":"/x/after"')
    })
    for (const line of text.split('\n').slice(0, -1)) assert.doesNotThrow(() => JSON.parse(line), 'half a line')
    assert.deepEqual(await end(), { code: 0, stderr: '' })
  })

  test('stalled for good does not hold the end of the process', async () => {
    const { gateway, end } = await start()
    await flood(gateway.url, gateway.probes)
    const began = performance.now()
    assert.deepEqual(await end(), { code: 0, stderr: '' })
    const took = performance.now() - began
    assert.ok(took < 2000 + SLACK, `took ${took} ms`) // grace, and a second of patience with the reader
  })

  /** A gateway whose standard output is a pipe that nobody reads, as a container's is when its runtime hangs. */
  const start = async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heimdall-'))
    const [path, fifo] = [join(folder, 'heimdall.yaml'), join(folder, 'stdout')]
    output('mkfifo', [fifo])
    const pipe = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
    const stdout = openSync(fifo, constants.O_WRONLY)
    const [port, probesPort] = [await freePort(), await freePort()]
    writeFileSync(path, file(`127.0.0.1:${port}`, `127.0.0.1:${probesPort}`))
    const child = spawn(process.execPath, [MAIN, 'serve', '--config', path], { stdio: ['ignore', stdout, 'pipe'] })
    closeSync(stdout)
    let stderr = ''
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    keep({
      async stop() {
        await kill(child)
        closeSync(pipe)
        rmSync(folder, { recursive: true })
      },
    })
    const gateway = { port, url: `http://127.0.0.1:${port}`, probes: `http://127.0.0.1:${probesPort}` }
    await eventually(
      'it answers',
      () =>
        ask(gateway, 'GET /x/').then(
          () => true,
          () => false,
        ),
      10_000,
    )
    const end = async () => {
      child.kill('SIGTERM')
      const [code] = (await once(child, 'exit')) as [number | null]
      return { code, stderr }
    }
    return { gateway, pipe, end }
  }
})
