/**
 * Measures how a gateway starts, and what it holds; writes `bench/start/RESULTS.md`.
 *
 *     npm run bench:start -- --help
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { endGateway, memoryOf, prepare, startGateway, type Started, type World } from './gateway.ts'
import { report, type Figures, type Start } from './report.ts'

const IDLE = 2500 // milliseconds after which a start is over
const LOAD = 5 // seconds
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"items":[1,2]}'
const help = `usage: npm run bench:start -- [--quick] [--json FILE]

Starts a gateway again and again, with and without a compile cache, and measures when it is ready and what it holds;
then, where wrk is installed, what it holds under 64 connections. Takes a minute and writes bench/start/RESULTS.md.

  --quick      three starts of each kind instead of seven; prints instead of writing
  --json FILE  keeps every figure

examples:
  npm run bench:start
  npm run bench:start -- --quick
  npm run bench:start -- --json starts.json
`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

/** Ends it when it has been measured, unless it is wanted for more. */
async function measured(world: World, cache: string): Promise<Start> {
  const started = await startGateway(world, cache)
  try {
    await pause(IDLE)
    return { ready: started.ready, work: started.work, idle: memoryOf(started.pid) }
  } finally {
    await endGateway(started)
  }
}

/** Milliseconds that Node takes to start and end, doing nothing: what this machine makes of it in this minute. */
function nodeAlone(): number {
  const began = performance.now()
  spawnSync(process.execPath, ['--eval', '0'])
  return performance.now() - began
}

async function inTurn(world: World, rounds: number): Promise<Pick<Figures, 'bare' | 'cold' | 'warm'>> {
  const kept = join(world.folder, 'kept')
  const [bare, cold, warm]: [number[], Start[], Start[]] = [[], [], []]
  await endGateway(await startGateway(world, kept), true)
  for (let round = 1; round <= rounds; round += 1) {
    bare.push(nodeAlone())
    cold.push(await measured(world, join(world.folder, `none-${round}`)))
    warm.push(await measured(world, kept))
    process.stderr.write(`${round}: ${cold.at(-1)?.ready.toFixed(0)} ms, ${warm.at(-1)?.ready.toFixed(0)} ms\n`)
  }
  return { bare, cold, warm }
}

/** Resident memory, once a second, after two seconds that let everything take its shape. */
async function underLoad(world: World): Promise<number[]> {
  if (spawnSync('wrk', ['-v']).error !== undefined) return []
  const started: Started = await startGateway(world, join(world.folder, 'kept'))
  const url = `http://127.0.0.1:${world.port}/services/57/items?page=2`
  const args = ['-t1', '-c64', `-d${LOAD + 2}s`, '-H', `Authorization: Bearer ${world.token}`, url]
  const load = spawn('wrk', args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(load, 'exit')
  const seen: number[] = []
  await pause(2000)
  for (let second = 0; second < LOAD; second += 1) {
    seen.push(memoryOf(started.pid).resident)
    await pause(900)
  }
  await ended
  await endGateway(started)
  return seen
}

async function main(): Promise<void> {
  if (options.help) return void process.stdout.write(help)
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-start-'))
  const service = createServer((socket) => socket.on('error', () => {}).on('data', () => socket.write(ANSWER)))
  try {
    await once(service.listen(0, '127.0.0.1'), 'listening')
    const world = await prepare(folder, (service.address() as AddressInfo).port)
    const busy = loadavg()[0] ?? Number.NaN
    const figures: Figures = { ...(await inTurn(world, options.quick ? 3 : 7)), loaded: await underLoad(world), busy }
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figures, null, 2)}\n`)
    if (options.quick) process.stdout.write(report(figures))
    else writeFileSync(join(import.meta.dirname, 'RESULTS.md'), report(figures))
  } finally {
    service.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
process.exit()
