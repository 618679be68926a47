/**
 * `npm run bench:micro`: what each step on the way of a request costs, beside a reference that takes machines out of the figure.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'

import { judge, type Baseline, type Judgement } from './judge.ts'
import type { Effort, Measurement } from './measure.ts'
import type { Question } from './question.ts'
import { questions } from './questions.ts'

const help = `Measures what each step on the way of a request costs, one question to a process.

Usage: npm run bench:micro -- [--only NAME] [--check | --write]

  --only NAME   asks the questions whose name begins with NAME
  --check       ends with 1 when a question is more than a quarter dearer than the baseline, and warns above a tenth.
                One that would fail is asked again up to three times, for longer, and the best answer counts:
                noise only ever makes things dearer
  --write       asks each question three times and makes the dearest answer the baseline: V8 compiles the same code
                better in some runs, and a lucky one would be a bar that others miss

Examples:
  npm run bench:micro                          # the table
  npm run bench:micro -- --only gate/          # whole decisions alone
  npm run bench:micro -- --check               # what CI does
  npm run bench:micro -- --write               # after a change that is meant, on a machine at rest

A figure is how many turns of a fixed loop (bench/micro/reference.ts) a step is worth, measured in turn with it, so it says
the same on any machine; nanoseconds are of this one.
`

const FILE = join(import.meta.dirname, 'baseline.json')
const ASK = join(import.meta.dirname, 'ask.ts')
const RETAKES = 3
const quick: Effort = { warmUp: 400, time: 1000 }
const careful: Effort = { warmUp: 1000, time: 3000 }

const execute = promisify(execFile)
const say = (line: string) => void process.stdout.write(`${line}\n`)

process.exitCode = await main()

async function main(): Promise<number> {
  const options = read()
  if (typeof options === 'number') return options
  const { asked, check, write } = options
  const before = baseline()
  const found = new Map<string, number>()
  let failed = 0
  say(row(['question', 'what it costs', 'ns', '× reference', 'baseline', 'change', '']))
  for (const question of asked) {
    const takes = write ? await thrice(question) : await once(question)
    const ratios = () => takes.map((take) => take.ratio)
    const known = before[question.name]
    let verdict = judge(ratios(), known)
    for (let left = check ? RETAKES : 0; left > 0 && verdict.verdict === 'fails'; left -= 1) {
      takes.push(await ask(question, careful))
      verdict = judge(ratios(), known)
    }
    found.set(question.name, Math.max(...ratios()))
    if (check && verdict.verdict === 'fails') failed += 1
    say(answer(question, takes, known, verdict))
  }
  if (write) keep({ ...before, ...Object.fromEntries(found) })
  if (failed > 0) say(`\n${failed} dearer than the baseline by more than a quarter`)
  return failed > 0 ? 1 : 0
}

function read() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: '' },
        check: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      process.stdout.write(help)
      return 0
    }
    const { only, check, write } = values
    const asked = questions.filter(({ name }) => name.startsWith(only))
    if (asked.length === 0)
      return complain(`no question begins with ${only}: ${questions.map(({ name }) => name).join(' ')}`)
    return check && write ? complain('--check and --write: one of them') : { asked, check, write }
  } catch (error) {
    return complain((error as Error).message)
  }
}

function complain(what: string): number {
  process.stderr.write(`${what}\n\n${help}`)
  return 2
}

/** Asks in a process of its own, with the flags of this one; garbage is collected by the thread that is measured alone. */
async function ask({ name }: Question, { warmUp, time }: Effort): Promise<Measurement> {
  const args = [...process.execArgv, '--single-threaded-gc', ASK, name, String(warmUp), String(time)]
  const { stdout } = await execute(process.execPath, args)
  return JSON.parse(stdout) as Measurement
}

type Takes = [Measurement, ...Measurement[]]

async function once(question: Question): Promise<Takes> {
  return [await ask(question, quick)]
}

async function thrice(question: Question): Promise<Takes> {
  return [await ask(question, quick), await ask(question, quick), await ask(question, quick)]
}

function answer({ name, asks }: Question, takes: Takes, known: number | undefined, judged: Judgement) {
  const best = takes.reduce((one, other) => (other.ratio < one.ratio ? other : one))
  const { change, verdict } = judged
  const percent = Number.isNaN(change) ? '' : `${change < 0 ? '−' : '+'}${Math.abs(change * 100).toFixed(1)} %`
  const retaken = takes.length > 1 ? ` (best of ${takes.length})` : ''
  const figures = [best.nanoseconds.toFixed(0), best.ratio.toFixed(3), known?.toFixed(3) ?? '', percent]
  return row([name, asks, ...figures, `${verdict === 'good' ? '' : verdict}${retaken}`])
}

function row([name = '', asks = '', ...figures]: readonly string[]): string {
  const [last = ''] = figures.splice(-1)
  return `${name.padEnd(22)} ${asks.padEnd(46)} ${figures.map((figure) => figure.padStart(11)).join(' ')}  ${last}`.trimEnd()
}

function baseline(): Baseline {
  try {
    return JSON.parse(readFileSync(FILE, 'utf8')) as Baseline
  } catch {
    return {}
  }
}

function keep(found: Baseline): void {
  const ordered = questions.flatMap(({ name }) =>
    found[name] === undefined ? [] : [[name, Number(found[name].toPrecision(4))]],
  )
  writeFileSync(FILE, `${JSON.stringify(Object.fromEntries(ordered), null, 2)}\n`)
  say(`\nwritten: ${FILE}`)
}
