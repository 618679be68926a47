/**
 * One soak: a gateway under steady traffic while its neighbours fail at random and its file changes now and then.
 *
 * @module
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import type { LogLine } from '../support/gateway.ts'
import type { Answer } from '../support/load.ts'
import { eventually } from '../support/processes.ts'
import { sceneFile, startScene, type Scene } from '../support/scenario.ts'
import { connectionsTo, socketsOf } from '../support/usage.ts'
import { startChaos, type Spell } from './chaos.ts'
import type { Held } from './probe.ts'
import { neighbours, type Neighbour } from './repertoire.ts'

export interface SoakOptions {
  readonly minutes: number
  readonly seed: number
  /** Takes a line about how it stands, every few seconds. */
  readonly say: (line: string) => void
  /** Ends it early. */
  readonly signal: AbortSignal
}

/** All that was seen; times of `performance.now()` unless said otherwise. */
export interface SoakRecord {
  readonly seed: number
  readonly from: number
  readonly to: number
  readonly spells: readonly Spell[]
  /** Of those who had a right to be served, and of everybody else. */
  readonly answers: readonly Answer[]
  readonly strangers: readonly Answer[]
  /** What the process held, each second; `time` since `from`, in milliseconds. */
  readonly held: readonly Held[]
  /** Open sockets of the process under the same traffic, before the first fault and after the last. */
  readonly sockets: { readonly before: Sockets; readonly after: Sockets }
  readonly wrong: readonly string[]
  readonly unauthorised: readonly string[]
  /** Lines of level error, and what was written to standard error. */
  readonly errors: readonly string[]
  readonly reloads: number
  /** Exit code at the end. */
  readonly exit: number | null
}

/** Of the whole process, those that listen included, and of them the connections to each neighbour. */
export type Sockets = Readonly<Record<'all' | Neighbour, number>>

const RATE = 100 // requests a second: half of what the single faults are tried under
const PROGRESS = 5000
const RELOAD = 20_000
const SETTLE = 12_000 // milliseconds of traffic without faults, before and after
const LONGEST_SETTLE = 90_000 // idle connections to the service are kept for a minute
const PROBE = resolve(import.meta.dirname, 'probe.ts')

type Endable = { end?(): Promise<unknown>; stop?(): Promise<unknown>; close?(): Promise<unknown> }

export async function soak({ minutes, seed, say, signal }: SoakOptions): Promise<SoakRecord> {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-soak-'))
  const probed = join(folder, 'held.jsonl')
  const open: Endable[] = []
  const keep = <T extends Endable>(started: T): T => {
    open.push(started)
    return started
  }
  try {
    const gateway = {
      flags: ['--import', PROBE],
      env: { HEIMDALL_PROBE: probed },
      keep: ({ msg }: LogLine) => msg !== 'request',
    }
    const scene = await startScene(keep, { rate: RATE, gateway })
    const begun = { at: performance.now(), wall: Date.now() }
    await steady(scene, signal)
    const before = socketsIn(scene)
    const chaos = startChaos(scene, seed)
    const reloads = startReloads(scene)
    const progress = setInterval(() => say(standing(scene, chaos.spells, begun.at)), PROGRESS)
    await sleep(minutes * 60_000, undefined, { signal }).catch(() => undefined)
    clearInterval(progress)
    await Promise.all([chaos.stop(), reloads.stop()])
    await steady(scene, signal)
    const latest = performance.now() + LONGEST_SETTLE
    while (socketsIn(scene).all > before.all && performance.now() < latest) await sleep(500)
    const sockets = { before, after: socketsIn(scene) }
    for (const traffic of [scene.traffic, scene.strangers, scene.control]) await traffic.stop()
    const exit = await scene.gateway.end().catch(() => -1)
    return {
      seed,
      from: begun.at,
      to: performance.now(),
      spells: chaos.spells,
      answers: scene.traffic.answers,
      strangers: scene.strangers.answers,
      held: readHeld(probed).map((one) => ({ ...one, time: one.time - begun.wall })),
      sockets,
      wrong: scene.service.wrong,
      unauthorised: scene.service.unauthorised,
      errors: [...errorsOf(scene.gateway.lines), ...(scene.gateway.errors() === '' ? [] : [scene.gateway.errors()])],
      reloads: reloads.count(),
      exit,
    }
  } finally {
    for (const one of open.toReversed()) await (one.end?.() ?? one.stop?.() ?? one.close?.())?.catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Lets traffic run for a while without faults. */
async function steady(scene: Scene, signal: AbortSignal): Promise<void> {
  const isWell = () => scene.traffic.answers.slice(-50).every(({ status }) => status === 200)
  await eventually('all is well', isWell, 30_000)
  await sleep(SETTLE, undefined, { signal }).catch(() => undefined)
}

function socketsIn({ gateway, proxies }: Scene): Sockets {
  const to = (neighbour: Neighbour) => [neighbour, connectionsTo(proxies[neighbour].port).open] as const
  return { all: socketsOf(gateway.pid), ...(Object.fromEntries(neighbours.map(to)) as Record<Neighbour, number>) }
}

/** Changes the file now and then; every third one is bad, and must change nothing. */
function startReloads(scene: Scene): { stop(): Promise<void>; count(): number } {
  const good = sceneFile(scene.proxies, scene.issuer.name)
  let count = 0
  const timer = setInterval(() => {
    count += 1
    scene.gateway.rewrite(
      count % 3 === 0 ? `${good}\nnonsense: true\n` : good.replace('1000000/min', `${1_000_000 + count}/min`),
    )
  }, RELOAD)
  return {
    stop() {
      clearInterval(timer)
      scene.gateway.rewrite(good)
      return Promise.resolve()
    },
    count: () => count,
  }
}

function standing({ traffic, service, gateway }: Scene, spells: readonly Spell[], from: number): string {
  const seconds = Math.round((performance.now() - from) / 1000)
  const now = spells.filter(({ to }) => to === Infinity).map(({ neighbour, what }) => `${neighbour} ${what}`)
  const served = traffic.answers.filter(({ status }) => status === 200).length
  const bad = service.wrong.length + service.unauthorised.length + errorsOf(gateway.lines).length
  const parts = [`${seconds} s`, `${served} of ${traffic.answers.length} served`, `${spells.length} faults`]
  return [...parts, `${bad} never events`, `sockets ${socketsOf(gateway.pid)}`, now.join(' + ') || 'calm'].join(' · ')
}

/** A file that is refused is an error too, and what the bad ones are for. */
function errorsOf(lines: readonly LogLine[]): string[] {
  const bad = ({ level, msg }: LogLine) => (level === 'error' || level === 'fatal') && msg !== 'configuration refused'
  return lines.filter(bad).map((line) => JSON.stringify(line))
}

function readHeld(path: string): Held[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Held)
}
