/**
 * Heimdall beside other proxies, under the same load in the same minutes; `--help` says how.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'

import { candidates } from './candidates.ts'
import { newChildren } from './children.ts'
import { circumstances } from './circumstances.ts'
import { otherScripts, runOther } from './elsewhere.ts'
import { measureAll } from './measure.ts'
import { choose, help, planOf, readOptions } from './options.ts'
import { install, type Program } from './programs.ts'
import { remember } from './remembered.ts'
import { plots, report, verdictsOf, type Run } from './report.ts'
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

/** Runs what other programs measure. */
async function askOthers(): Promise<Record<string, unknown>> {
  const figures: Record<string, unknown> = {}
  for (const script of otherScripts()) {
    say(`npm run ${script}`)
    figures[script] = await runOther(children, folder, script)
  }
  return figures
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
  for (const { what, limit, figure, verdict } of verdictsOf(run)) say(`${what}: ${figure} (${limit}), ${verdict}`)
}

async function main(): Promise<void> {
  const chosen = choose(candidates, options)
  const needed = new Set<Program>(['nginx', 'wrk', ...chosen.flatMap(({ needs = [] }) => needs)])
  const missing = install([...needed], say)
  const reason = missing.get('nginx') ?? missing.get('wrk')
  if (reason !== undefined) throw new Error(reason)
  const before = loadavg()[0] ?? Number.NaN
  world = await makeWorld(folder, children)
  const { results, skipped } = await measureAll(world, { chosen, plan, missing, say })
  if (isFull) say('memory of many tokens')
  const remembered = isFull ? await remember(world, plan, MANY) : undefined
  const busy = [before, loadavg()[0] ?? Number.NaN] as const
  const measured = { results, remembered, elsewhere: isFull ? await askOthers() : {} }
  keep({ isFull, plan, measured, circumstances: circumstances(), skipped, busy })
}

async function cleanUp(): Promise<void> {
  await children.endAll()
  await world?.stop()
  rmSync(folder, { recursive: true, force: true })
}

let world: World | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => void cleanUp().finally(() => process.exit(1)))
try {
  await main()
} finally {
  await cleanUp()
}
