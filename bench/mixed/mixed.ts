/**
 * The mixed scenario: a day of a service in a minute. `--help` tells more.
 *
 * @module
 */
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'

import { noPostgres } from '../../test/support/postgres.ts'
import { noRedis } from '../../test/support/redis.ts'
import { plotTime } from '../plot.ts'
import { read } from './meters.ts'
import { help, readOptions, type Options } from './options.ts'
import type { Plan, Told } from './plan.ts'
import { figuresOf, report, type Run } from './report.ts'
import { newSightings } from './sightings.ts'
import { makeWorld, type World } from './world.ts'

const say = (text: string) => void process.stderr.write(`${text}\n`)

/** What clients tell, each kind once. */
type Heard = { readonly [K in Told['kind']]: Promise<Extract<Told, { kind: K }>> }

function startClients(plan: Plan): Heard & { stop(): void } {
  const child = fork(join(import.meta.dirname, 'clients.ts'), [], { serialization: 'json' })
  const told = new Map<string, (told: Told) => void>()
  const ended = new Promise<never>((_, reject) =>
    child.once('exit', (code) => reject(new Error(`the clients ended with ${code}`))),
  )
  ended.catch(() => undefined)
  const hear = <K extends Told['kind']>(kind: K) => {
    const heard = new Promise<Extract<Told, { kind: K }>>((resolve) => {
      told.set(kind, (one) => resolve(one as Extract<Told, { kind: K }>))
    })
    return Promise.race([heard, ended])
  }
  const heard: Heard = { ready: hear('ready'), cold: hear('cold'), measuring: hear('measuring'), done: hear('done') }
  for (const one of Object.values(heard)) one.catch(() => undefined)
  child.on('message', (one: Told) => told.get(one.kind)?.(one))
  child.send(plan)
  return { ...heard, stop: () => void child.kill('SIGKILL') }
}

async function run(options: Options): Promise<Run> {
  const busy = loadavg()[0] ?? Number.NaN
  const sightings = newSightings()
  say(`filling the directory for ${options.identities} identities`)
  const world: World = await makeWorld(options.identities, sightings)
  try {
    const clients = startClients({ ...world.plan, ...options })
    process.once('exit', () => clients.stop())
    await clients.ready
    const idle = await read(world)
    sightings.begin()
    say('everybody comes once to each gateway')
    const { waits, seconds } = await clients.cold
    const known = await read(world)
    const cold = { waits, seconds, seen: sightings.seen() }
    say(`${waits.count} requests in ${seconds.toFixed(1)} s; now the mix, ${options.warmUp} s to warm up`)
    await clients.measuring
    sightings.begin()
    const before = await read(world)
    say(`measuring for ${options.seconds} s`)
    const { record } = await clients.done
    const after = await read(world)
    return { options, busy, cold, findings: record, seen: sightings.seen(), readings: { idle, known, before, after } }
  } finally {
    await world.stop()
  }
}

function plotOf({ findings, seen, options: { seconds } }: Run): string {
  const times = <T>(values: readonly T[]) => Array.from({ length: seconds }, (_, second) => values[second])
  return plotTime('the mixed scenario, second by second', seconds, [
    {
      title: 'signatures found in memory, %',
      values: times(seen.hits).map((hit) => hit && 100 * hit),
      from: 95,
      to: 100,
    },
    {
      title: 'p99, ms (log)',
      values: times(findings.seconds).map((second) => second?.p99),
      from: 0.1,
      to: 100,
      log: true,
    },
  ])
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(help)
    return
  }
  const missing = [noRedis, noPostgres].filter((reason) => reason !== false)
  if (missing.length > 0) throw new Error(missing.join('; '))
  const found = await run(options)
  const text = report(found, options.quick ? undefined : 'mixed.svg')
  process.stdout.write(text)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figuresOf(found), null, 1)}\n`)
  if (options.quick) return
  writeFileSync(join(import.meta.dirname, 'mixed.svg'), plotOf(found))
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
}

await main()
process.exit()
