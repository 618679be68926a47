/**
 * A whole run: everybody started, warmed up, loaded in turn round by round, and paced.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

import type { Candidate, Plan } from './candidate.ts'
import type { Program } from './programs.ts'
import { startProgress } from './progress.ts'
import type { Result } from './result.ts'
import { takeRounds } from './rounds.ts'
import { start, type Running } from './start.ts'
import type { World } from './world.ts'

const TRIES = 3
const REST = 1000 // milliseconds between them

export interface Run {
  readonly chosen: readonly Candidate[]
  readonly plan: Plan
  /** What is not installed, and why. */
  readonly missing: ReadonlyMap<Program, string>
  readonly say: (line: string) => void
}

export interface Outcome {
  readonly results: readonly Result[]
  /** Candidates that took no part, or failed, each with the reason. */
  readonly skipped: readonly string[]
}

/** Measures the chosen candidates. */
export async function measureAll(world: World, run: Run): Promise<Outcome> {
  const { plan, say } = run
  const skipped: string[] = []
  const leaveOut = (id: string, reason: string) => {
    skipped.push(`${id} (${reason})`)
    say(`left out: ${id}: ${reason}`)
  }
  const running = await startAll(world, run, leaveOut)
  const paced = running.filter(({ candidate }) => candidate.paced === true)
  const steps = running.length * (1 + plan.rounds) + paced.length * plan.paced.rounds * plan.paced.rates.length
  const rounds = takeRounds(world, plan, startProgress(steps, say))
  const failed = new Set<Running>()
  const attempt = async (one: Running, work: () => Promise<void>) => {
    if (failed.has(one)) return
    await patiently(work, (error) => say(`${one.candidate.id} once more: ${error}`)).catch((error: unknown) => {
      failed.add(one)
      leaveOut(one.candidate.id, firstLine(error))
    })
  }

  for (const one of running) await attempt(one, () => rounds.warmUp(one))
  for (let round = 1; round <= plan.rounds; round += 1)
    for (const one of running) await attempt(one, () => rounds.load(one, round))
  for (const rate of plan.paced.rates)
    for (let round = 1; round <= plan.paced.rounds; round += 1)
      for (const one of paced) await attempt(one, () => rounds.pace(one, rate))

  const results: Result[] = []
  for (const one of running) if (!failed.has(one)) results.push(await rounds.resultOf(one))
  for (const { child } of running) if (child !== undefined) await world.children.end(child)
  return { results, skipped }
}

/** Starts all that can take part. */
async function startAll(
  world: World,
  { chosen, plan, missing, say }: Run,
  leaveOut: (id: string, reason: string) => void,
): Promise<Running[]> {
  const running: Running[] = []
  for (const candidate of chosen) {
    const lacking = candidate.needs?.map((name) => missing.get(name)).find((reason) => reason !== undefined)
    const reason = lacking ?? (await candidate.missing?.(world, { listen: 1, probes: 2 }))
    if (reason !== undefined) {
      leaveOut(candidate.id, reason)
      continue
    }
    try {
      running.push(await start(candidate, world, plan))
      say(`${candidate.id} serves`)
    } catch (error) {
      leaveOut(candidate.id, firstLine(error))
    }
  }
  return running
}

/** Tries again, for machines that are not ours alone. @throws what the last try threw */
async function patiently(work: () => Promise<void>, again: (error: string) => void): Promise<void> {
  for (let left = TRIES - 1; ; left -= 1) {
    try {
      return await work()
    } catch (error) {
      if (left === 0) throw error
      again(firstLine(error))
      await sleep(REST)
    }
  }
}

const firstLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
