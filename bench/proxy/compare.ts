/**
 * Heimdall beside other proxies, under the same load in the same minutes; `--help` says how.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'

import { bars, judge } from './bars.ts'
import type { Candidate } from './candidate.ts'
import { candidates } from './candidates.ts'
import { newChildren } from './children.ts'
import { circumstances } from './circumstances.ts'
import { otherScripts, runOther } from './elsewhere.ts'
import { choose, help, planOf, readOptions } from './options.ts'
import { install, type Program } from './programs.ts'
import { startProgress } from './progress.ts'
import { remember } from './remembered.ts'
import { plots, report, type Run } from './report.ts'
import type { Measured } from './result.ts'
import { takeRounds } from './rounds.ts'
import { start, type Running } from './start.ts'
import { makeWorld, type World } from './world.ts'

const BENCH = join(import.meta.dirname, '..')
const MANY = 100_000 // tokens that are remembered

const options = readOptions(process.argv.slice(2))
if (options.help) {
  process.stdout.write(help(candidates))
  process.exit()
}
const plan = planOf(options)
const isFull = !options.quick && options.only === undefined
const folder = mkdtempSync(join(tmpdir(), 'heimdall-bench-'))
const children = newChildren(folder)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** Starts all that can take part; the others are left out with the reason. */
async function startAll(chosen: readonly Candidate[], missing: ReadonlyMap<Program, string>, world: World) {
  const running: Running[] = []
  const skipped: string[] = []
  for (const candidate of chosen) {
    const lacking = candidate.needs?.map((name) => missing.get(name)).find((reason) => reason !== undefined)
    const reason = lacking ?? (await candidate.missing?.(world, { listen: 1, probes: 2 }))
    if (reason !== undefined) {
      skipped.push(`${candidate.id} (${reason})`)
      continue
    }
    const one = await start(candidate, world, plan)
    if (one.child?.pid !== undefined) children.pause(one.child.pid)
    running.push(one)
    say(`${candidate.id} serves`)
  }
  return { running, skipped }
}

async function measure(running: readonly Running[], world: World): Promise<Measured> {
  const paced = running.filter(({ candidate }) => candidate.paced === true)
  const steps = running.length * (1 + plan.rounds) + paced.length * plan.paced.rounds * plan.paced.rates.length
  const others = isFull ? otherScripts() : []
  const progress = startProgress(steps, say)
  const rounds = takeRounds(world, plan, progress)
  for (const one of running) await rounds.warmUp(one)
  for (let round = 1; round <= plan.rounds; round += 1) for (const one of running) await rounds.load(one, round)
  for (const rate of plan.paced.rates)
    for (let round = 1; round <= plan.paced.rounds; round += 1) for (const one of paced) await rounds.pace(one, rate)
  const results = []
  for (const one of running) results.push(await rounds.resultOf(one))
  for (const { child } of running) if (child !== undefined) await children.end(child)
  if (isFull) say('memory of many tokens')
  const remembered = isFull ? await remember(world, plan, MANY) : undefined
  const elsewhere: Record<string, unknown> = {}
  for (const script of others) {
    say(`npm run ${script}`)
    elsewhere[script] = await runOther(children, folder, script)
  }
  return { results, remembered, elsewhere }
}

function keep(run: Run): void {
  const text = report(run)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(run, null, 1)}\n`)
  if (!isFull) {
    process.stdout.write(text)
    return
  }
  writeFileSync(join(BENCH, 'RESULTS.md'), text)
  mkdirSync(join(BENCH, 'plots'), { recursive: true })
  for (const [name, drawn] of Object.entries(plots(run))) writeFileSync(join(BENCH, 'plots', name), drawn)
  for (const { what, limit, figure, verdict } of bars.map((bar) => judge(bar, run.measured)))
    say(`${what}: ${figure} (${limit}), ${verdict}`)
}

async function main(): Promise<void> {
  const chosen = choose(candidates, options)
  const needed = new Set<Program>(['nginx', 'wrk', ...chosen.flatMap(({ needs = [] }) => needs)])
  const missing = install([...needed], say)
  const reason = missing.get('nginx') ?? missing.get('wrk')
  if (reason !== undefined) throw new Error(reason)
  const before = loadavg()[0] ?? Number.NaN
  world = await makeWorld(folder, children)
  const { running, skipped } = await startAll(chosen, missing, world)
  for (const one of skipped) say(`left out: ${one}`)
  const measured = await measure(running, world)
  const busy = [before, loadavg()[0] ?? Number.NaN] as const
  keep({ plan, measured, circumstances: circumstances(), skipped, busy })
}

async function cleanUp(): Promise<void> {
  await children.endAll()
  await world?.stop()
  rmSync(folder, { recursive: true, force: true })
}

let world: World | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void cleanUp().finally(() => process.exit(1)))
try {
  await main()
} finally {
  await cleanUp()
}
