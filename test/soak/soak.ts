/**
 * `npm run soak`: the gateway under half load for as long as you like, with random faults of everything around it.
 *
 * @module
 */
import { randomInt } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { noPostgres } from '../support/postgres.ts'
import { noRedis } from '../support/redis.ts'
import { plot } from './plot.ts'
import { soak } from './run.ts'
import { summary } from './summary.ts'
import { verdictOf } from './verdict.ts'

const help = `Soaks a gateway in traffic while Redis, Postgres, the issuer's keys and the service fail at random.

Usage: npm run soak -- [--minutes N] [--seed N] [--out FOLDER]

  --minutes N    how long faults happen; 20 unless told (half a minute of calm comes on top, or two)
  --seed N       repeats the faults of an earlier run; any number unless told
  --out FOLDER   where the summary and the picture go; bench/soak unless told

Examples:
  npm run soak -- --minutes 2              # to try it out
  npm run soak -- --minutes 30             # what a release is held to
  npm run soak -- --minutes 5 --seed 42    # the same faults again

Needs redis-server and Postgres 15. Ends with 0 when all holds, 1 when not, 2 for a mistake in the arguments.
`

const DEFAULT_OUT = resolve(import.meta.dirname, '../../bench/soak')
const say = (line: string) => void process.stdout.write(`${line}\n`)

process.exitCode = await main()

async function main(): Promise<number> {
  const options = read()
  if (typeof options === 'number') return options
  const missing = noRedis || noPostgres
  if (missing !== false) return complain(missing)
  const { minutes, seed, out } = options
  say(`seed ${seed}, ${minutes} minutes`)
  const stopping = new AbortController()
  process.once('SIGINT', () => stopping.abort())
  const record = await soak({ minutes, seed, say, signal: stopping.signal })
  const findings = verdictOf(record)
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, 'soak.svg'), plot(record))
  writeFileSync(join(out, 'RESULTS.md'), summary(record, findings, 'soak.svg'))
  for (const { holds, what, found, allowed } of findings)
    say(`${holds ? 'holds' : 'FAILS'}  ${what}: ${found} (allowed: ${allowed})`)
  for (const what of [...record.wrong, ...record.unauthorised, ...record.errors].slice(0, 10)) say(what)
  say(`written: ${join(out, 'RESULTS.md')}`)
  return findings.every(({ holds }) => holds) ? 0 : 1
}

function read(): { minutes: number; seed: number; out: string } | number {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '20' },
        seed: { type: 'string', default: String(randomInt(2 ** 31)) },
        out: { type: 'string', default: DEFAULT_OUT },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      process.stdout.write(help)
      return 0
    }
    const [minutes, seed] = [Number(values.minutes), Number(values.seed)]
    if (!(minutes > 0) || !Number.isSafeInteger(seed)) return complain('--minutes and --seed are numbers')
    return { minutes, seed, out: values.out }
  } catch (error) {
    return complain((error as Error).message)
  }
}

function complain(what: string): number {
  process.stderr.write(`${what}\n\n${help}`)
  return 2
}
