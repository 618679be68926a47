/**
 * Logs that nobody takes (F25): a full disk, a pipe without a reader, a reader that is slow.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { request } from 'undici'

import { report } from '../support/figures.ts'
import { keeper } from '../support/keeper.ts'
import { startLoad, tally } from '../support/load.ts'
import { eventually, freePort, kill } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import { startService, type Service } from '../support/service.ts'
import { statsOf } from '../support/traffic.ts'
import { memoryOf } from '../support/usage.ts'

const MAIN = resolve(import.meta.dirname, '../../src/main.ts')
const LONG = `/x/${'l'.repeat(4000)}` // so that few requests fill every buffer
const CLIENTS = 20
const MOST_MEMORY = 48 // MiB above that of a gateway that has worked

interface Run {
  readonly url: string
  readonly probes: string
  readonly child: ChildProcess
}

/** What becomes of standard output, and of standard error. */
const fates = ['full', 'closed', 'slow', 'closed, and standard error too'] as const
type Fate = (typeof fates)[number]

/** Suites of F25; each for so many milliseconds of load. */
export function logsThatNobodyTakes(lasts: number, chosen: readonly Fate[] = fates): void {
  suite('logs that nobody takes', () => {
    const keep = keeper()
    let service: Service
    before(async () => {
      service = keep(await startService((_, response) => void response.end('served')))
    })

    for (const fate of chosen)
      test(`F25: ${fate}: requests go on, lines are dropped and counted, and the process ends as ever`, async () => {
        const { url, probes, child } = keep(await start(service.url, fate))
        await startLoad(url, () => ({ kind: 'x', path: '/x/warm' }), { connections: CLIENTS, count: 3000 }).done
        const memory = memoryOf(child.pid ?? 0)
        const load = startLoad(url, () => ({ kind: 'x', path: LONG }), { connections: CLIENTS })
        await sleep(lasts)
        const dropped = async () => sample(await text(`${probes}/metrics`), 'heimdall_log_lines_dropped_total')
        await eventually('lines are dropped', async () => (await dropped()) > 0, 30_000)
        const answers = await load.stop()
        const { failed, count, p50, most } = statsOf(answers)
        const figures = {
          dropped: await dropped(),
          p50_ms: p50,
          most_ms: most,
          grown_MiB: memoryOf(child.pid ?? 0) - memory,
        }
        report('F25', { output: fate, ...figures }, { total: count, failed })
        assert.deepEqual(tally(answers), { 'x 200': count })
        assert.ok(figures.grown_MiB < MOST_MEMORY, `grew by ${figures.grown_MiB} MiB`)
        child.kill('SIGTERM')
        const [code] = (await once(child, 'exit')) as [number | null]
        assert.equal(code, 0)
      })
  })
}

/** Starts a gateway whose output goes where nobody takes it. */
async function start(service: string, fate: Fate): Promise<Run & { stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-log-'))
  const path = join(folder, 'heimdall.yaml')
  const [port, probes] = [await freePort(), await freePort()]
  writeFileSync(
    path,
    `
version: 1
listen: 127.0.0.1:${port}
probes: 127.0.0.1:${probes}
grace: 500ms
upstreams: { service: "${service}" }
routes: [{ path: "/x/**", public: true, upstream: service }]
`,
  )
  const full = openSync('/dev/full', 'w')
  const output = fate === 'full' ? full : 'pipe'
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', path], { stdio: ['ignore', output, 'pipe'] })
  closeSync(full)
  const up = () => text(`http://127.0.0.1:${probes}/livez`).then(Boolean, () => false)
  await eventually('it answers', up, 20_000)
  if (fate.startsWith('closed')) child.stdout?.destroy()
  if (fate.endsWith('too')) child.stderr?.destroy()
  else child.stderr?.resume()
  if (fate === 'slow') void readSlowly(child)
  return {
    url: `http://127.0.0.1:${port}`,
    probes: `http://127.0.0.1:${probes}`,
    child,
    async stop() {
      await kill(child)
      rmSync(folder, { recursive: true })
    },
  }
}

/** A kilobyte now and then. */
async function readSlowly(child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.stdout?.destroyed === false) {
    child.stdout.read(1024)
    await sleep(20)
  }
}

async function text(url: string): Promise<string> {
  return (await request(url)).body.text()
}
