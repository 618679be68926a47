/**
 * Heimdall beside other proxies, under the same load in the same minutes; writes `bench/RESULTS.md`.
 *
 *     npm run bench [-- --quick] [-- --only heimdall,relay]
 *
 * Needs nginx and wrk; HAProxy, and the network for peers that npm brings, or these are left out.
 * `--quick` and `--only` print their figures and leave the file alone.
 *
 * @module
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { Pool } from 'undici'

import { eventually, freePort, kill } from '../../test/support/processes.ts'
import { candidates, lacks, type Candidate, type Command } from './candidates.ts'
import { load, memory, waits, type Load, type Pinned, type Request, type Waits } from './measure.ts'
import { median, report, type Result } from './report.ts'
import { nginxFile, prepare, type Setup } from './setup.ts'

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
})
const [rounds, seconds, warmup] = options.quick ? [1, 2, 2] : [5, 3, 3]
const isPinned = lacks('taskset') === undefined
const pinned: Pinned = (core, [program, ...args]) =>
  isPinned ? ['taskset', '-c', String(core), program, ...args] : [program, ...args]

/** A candidate that serves. */
interface Running {
  readonly candidate: Candidate
  /** Absent for the upstream itself. */
  readonly pid: number | undefined
  readonly request: Request
  readonly startMemory: number
  readonly loads: Load[]
  readonly waits: Waits[]
}

const children: ChildProcess[] = []
const folder = mkdtempSync(join(tmpdir(), 'heimdall-bench-'))
const say = (text: string): void => void process.stderr.write(`${text}\n`)

/** Starts a program; what it writes goes down a pipe to a reader, as the log of a container does. */
function launch(core: 0 | 1, command: Command): ChildProcess {
  const pipe = join(folder, `pipe-${children.length}`)
  execFileSync('mkfifo', [pipe])
  const [reader, ...readerArgs] = pinned(1, ['cat', pipe])
  children.push(spawn(reader, readerArgs, { stdio: 'ignore' }))
  const out = openSync(pipe, 'w')
  const [program, ...args] = pinned(core, command)
  const child = spawn(program, args, { stdio: ['ignore', out, 'inherit'] })
  closeSync(out)
  children.push(child)
  return child
}

async function statusOf(port: number, path: string, token: string): Promise<number> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { headersTimeout: 1000 })
  try {
    const answer = await pool.request({ method: 'GET', path, headers: { authorization: `Bearer ${token}` } })
    await answer.body.dump()
    return answer.statusCode
  } catch {
    return 0
  } finally {
    await pool.destroy()
  }
}

async function start(candidate: Candidate, setup: Setup): Promise<Running> {
  const { title, path, verifies } = candidate
  const free = await freePort()
  const command = await candidate.command(setup, free)
  const port = command === undefined ? setup.upstream.port : free
  const child = command && launch(0, command)
  await eventually(`${title} serves`, async () => (await statusOf(port, path, setup.token)) === 200, 15_000)
  const forged = await statusOf(port, path, setup.forged)
  if (verifies !== (forged === 401)) throw new Error(`${title} answers ${forged} to a forged token`)
  const pid = child?.pid
  const request = { url: `http://127.0.0.1:${port}${path}`, token: setup.token }
  return { candidate, pid, request, startMemory: pid === undefined ? 0 : memory(pid).now, loads: [], waits: [] }
}

async function measure(all: readonly Running[], upstreamPid: number): Promise<void> {
  for (const one of all) await load(one.pid ?? upstreamPid, one.request, warmup, pinned)
  for (let round = 1; round <= rounds; round += 1) {
    for (const { candidate, pid, request, loads } of all) {
      const measured = await load(pid ?? upstreamPid, request, seconds, pinned)
      loads.push(measured)
      say(`round ${round}: ${candidate.title}: ${Math.round(measured.rate)}/s, ${measured.cpu.toFixed(1)} µs`)
    }
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const one of all.filter(({ candidate }) => candidate.waits)) {
      const measured = await waits(one.request, seconds, pinned)
      one.waits.push(measured)
      say(
        `latency ${round}: ${one.candidate.title}: p50 ${measured.p50.toFixed(0)} µs, p99 ${measured.p99.toFixed(0)} µs`,
      )
    }
  }
}

function resultOf({ candidate: { id, title }, pid, loads, waits, startMemory }: Running): Result {
  const held = pid === undefined ? undefined : memory(pid)
  return { id, title, loads, waits, memory: held && { start: startMemory, load: held.now, peak: held.peak } }
}

async function main(): Promise<void> {
  const needed = ['nginx', 'wrk'].flatMap((program) => lacks(program) ?? [])
  if (needed.length > 0) throw new Error(needed.join('; '))
  const setup = await prepare(folder)
  const upstream = launch(1, ['nginx', '-c', nginxFile(setup, setup.upstream.port)])
  const chosen = options.only?.split(',')
  const skipped: string[] = []
  const busy = loadavg()[0] ?? Number.NaN

  const running: Running[] = []
  for (const candidate of candidates) {
    if (chosen !== undefined && !chosen.includes(candidate.id)) continue
    const missing = candidate.missing?.()
    if (missing === undefined) running.push(await start(candidate, setup))
    else skipped.push(`${candidate.title} (${missing})`)
  }
  say(`${running.map(({ candidate }) => candidate.id).join(', ')}; load average ${busy.toFixed(2)}`)
  await measure(running, upstream.pid ?? 0)

  const results = running.map(resultOf)
  const text = report({ seconds, rounds, pinned: isPinned, results, skipped, busy })
  if (options.quick || chosen !== undefined) process.stdout.write(text)
  else writeFileSync(join(import.meta.dirname, '../RESULTS.md'), text)
  for (const { title, loads } of results) say(`${median(loads.map(({ cpu }) => cpu)).toFixed(1)} µs  ${title}`)
}

async function cleanUp(): Promise<void> {
  await Promise.all(children.map(kill))
  rmSync(folder, { recursive: true, force: true })
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void cleanUp().then(() => process.exit(1)))
try {
  await main()
} finally {
  await cleanUp()
}
