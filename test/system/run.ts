/**
 * `npm run test:system`: the whole fault matrix with real servers, and the corpus of attacks on the newer Node.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { otherNode } from './runtime.ts'
import { readFigures, sumOf, tableOf } from './table.ts'

/** Of the requests that could have been answered while something was broken. */
const MOST_FAILED = 0.001

const HELP = `usage: npm run test:system -- [--write] [PART…]

Runs the long tests (test/**/*.system.ts) one after another, then the attacks on the newer Node, and prints what was measured.
PART chooses files whose name holds it; "attack" alone also chooses the newer Node.

  --write   keeps the table in bench/faults/RESULTS.md

examples:
  npm run test:system
  npm run test:system -- redis postgres
  npm run test:system -- attack
  npm run test:system -- --write
`

const root = resolve(import.meta.dirname, '../..')
const { values, positionals: parts } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
})

function filesOf(pattern: string): string[] {
  return globSync(pattern, { cwd: root })
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .toSorted()
}

interface Run {
  readonly title: string
  readonly files: readonly string[]
  readonly node?: string
  readonly env?: NodeJS.ProcessEnv
  /** Files at once: one where times are measured. */
  readonly atOnce?: number
}

/** @returns whether all of them passed */
function runTests({ title, files, node = process.execPath, env = {}, atOnce = 1 }: Run): boolean {
  if (files.length === 0) return true
  const began = performance.now()
  console.log(`\n== ${title}: ${files.length} files`)
  const how = ['--import', './test/support/seed.ts', '--test', `--test-concurrency=${atOnce}`, '--test-timeout=600000']
  const options = { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } } as const
  const { status } = spawnSync(node, [...how, ...files], options)
  console.log(`== ${title}: ${status === 0 ? 'passed' : 'FAILED'} after ${seconds(began)} s`)
  return status === 0
}

function seconds(began: number): number {
  return Math.round((performance.now() - began) / 1000)
}

function runFaults(): boolean {
  const path = join(mkdtempSync(join(tmpdir(), 'heimdall-figures-')), 'figures.jsonl')
  const files = filesOf('test/**/*.system.ts')
  const passed = runTests({ title: 'faults', files, env: { HEIMDALL_FIGURES: path } })
  if (!existsSync(path)) return passed
  const figures = readFigures(readFileSync(path, 'utf8'))
  const { total, failed } = sumOf(figures)
  const share = total === 0 ? 0 : failed / total
  const verdict = `${failed} of ${total} requests failed that could have been answered (${(100 * share).toFixed(3)} %, at most ${100 * MOST_FAILED} %)`
  console.log(`\n${tableOf(figures)}\n\n${verdict}`)
  if (values.write) keep(`# Faults, as measured\n\n${verdict}.\n\n${tableOf(figures)}\n`)
  return passed && share <= MOST_FAILED
}

function keep(text: string): void {
  const folder = join(root, 'bench/faults')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'RESULTS.md'), text)
}

function runAttacksElsewhere(): boolean {
  const files = filesOf('test/{attack/*,e2e/proxy-*,authn/jwt/wycheproof}.test.ts')
  if (files.length === 0) return true
  const node = otherNode()
  if (node !== undefined) return runTests({ title: 'attacks on the newer Node', node, files, atOnce: 2 })
  console.log('\n== attacks on the newer Node: SKIPPED, it cannot be fetched here')
  return process.env['CI'] !== 'true'
}

if (values.help) console.log(HELP)
else {
  const passed = [runFaults(), runAttacksElsewhere()]
  process.exitCode = passed.every(Boolean) ? 0 : 1
}
