/**
 * `npm run bench:decision`: how long a decision takes by where its answer is found, without any HTTP around it.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { noPostgres } from '../../test/support/postgres.ts'
import { noRedis } from '../../test/support/redis.ts'
import { commit, machine, today } from '../machine.ts'
import type { Sample } from './ask.ts'
import { cases, type Case } from './cases.ts'
import { figuresOf, head, report, rowOf, type Row } from './report.ts'
import { startWorld, type Kind, type World } from './world.ts'

const HELP = `usage: npm run bench:decision -- [--samples N] [--only WORD] [--json FILE]

Measures the decision alone, in this process: for sessions and API keys, one and sixteen at once, found in memory, in Redis
and in Postgres. Needs redis-server and Postgres 15. Writes bench/decision/RESULTS.md, unless only a part was measured.

  --samples N   decisions of each kind, 2000 by default
  --only WORD   only the lines whose title holds it
  --json FILE   keeps the figures

examples:
  npm run bench:decision
  npm run bench:decision -- --samples 10000
  npm run bench:decision -- --only L2
`

const PEOPLE = 500
const WARM_UP = 3 // rounds, so that what is measured is what V8 makes of a gateway that has served a while
const kinds: readonly Kind[] = ['session', 'API key']
const say = (text: string) => void process.stdout.write(`${text}\n`)

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      samples: { type: 'string', default: '2000' },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const samples = Number(values.samples)
  const chosen = cases.filter(({ title }) => title.includes(values.only))
  if (values.help || !(samples > 0) || chosen.length === 0) {
    say(HELP)
    return values.help ? 0 : 2
  }
  if (noRedis !== false || noPostgres !== false) {
    say(`cannot measure: ${noRedis || noPostgres}`)
    return 1
  }
  const circumstances = told()
  const world = await startWorld(PEOPLE)
  try {
    const rows = await measureAll(world, chosen, samples)
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows.map(figuresOf), null, 1)}\n`)
    if (values.only === '') writeFileSync(join(import.meta.dirname, 'RESULTS.md'), report(circumstances, rows))
  } finally {
    await world.close()
  }
  return 0
}

async function measureAll(world: World, chosen: readonly Case[], samples: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const text of head) say(text)
  for (const one of chosen) {
    for (const kind of kinds) {
      for (let turn = 0; turn < WARM_UP; turn += 1) await one.round(world, kind, 16)
      for (const lanes of [1, 16]) {
        const row = await measure(world, one, { kind, lanes, samples })
        rows.push(row)
        say(rowOf(row))
      }
    }
  }
  return rows
}

async function measure(world: World, one: Case, how: { kind: Kind; lanes: number; samples: number }): Promise<Row> {
  const found: Sample[] = []
  let elsewhere = 0
  for (let rounds = 0; found.length < how.samples && rounds < how.samples; rounds += 1) {
    for (const sample of await one.round(world, how.kind, how.lanes))
      if (sample.layer === one.layer) found.push(sample)
      else elsewhere += 1
  }
  const { title, layer, bar } = one
  return { title, layer, kind: how.kind, lanes: how.lanes, times: found.map(({ took }) => took), elsewhere, bar }
}

/** Where and with what, before anything of ours keeps the machine busy. */
function told(): string[] {
  const busy = (loadavg()[0] ?? 0).toFixed(1)
  return [
    `${today()}, commit ${commit()}, Node ${process.versions.node},`,
    `${machine()}; load average ${busy} before.`,
  ]
}
