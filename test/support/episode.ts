/**
 * A fault under traffic, from a while before its beginning to a while after its end.
 *
 * @module
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

import { eventually } from './processes.ts'
import type { Answer } from './load.ts'
import { statsOf, type Stats } from './traffic.ts'

/** A way to fail, and its end. */
export interface Fault {
  readonly begin: () => unknown
  readonly end: () => unknown
}

/** Milliseconds that each part lasts. */
export interface Lengths {
  readonly before?: number
  readonly during?: number
  readonly after?: number
}

export interface Phase {
  /** Answers to requests of these kinds that were sent in it; of all kinds when none is named. */
  of(...kinds: readonly string[]): Stats
  /** Milliseconds that the machine itself may have added to any wait: how late timers were, or twice what an answer takes that waits for nobody. */
  readonly noise: number
}

export interface Episode {
  readonly before: Phase
  /** While the fault begins, and the quarter of a second in which it is found out. */
  readonly onset: Phase
  /** From then on to the beginning of its end. */
  readonly during: Phase
  /** From recovery on. */
  readonly after: Phase
  /** Milliseconds from the end of the fault to the last request that it still spoilt. */
  readonly recovered: number
}

const ONSET = 250 // milliseconds
const CALM = 700 // milliseconds without a failure that count as recovery
const LONGEST_RECOVERY = 15_000
const FIT = 100 // milliseconds of noise
const TRIES = 6

type Answers = { readonly answers: readonly Answer[] }

/** Lives through a fault. */
export async function liveThrough(
  { traffic, control }: { readonly traffic: Answers; readonly control: Answers },
  fault: Fault,
  { before = 1500, during = 3000, after = 1000 }: Lengths = {},
): Promise<Episode> {
  const record = phases(traffic, control)
  let calm = await record(() => sleep(before))
  for (let tries = 1; tries < TRIES && !isFit(calm); tries += 1) calm = await record(() => sleep(before))
  const onset = await record(async () => {
    try {
      await fault.begin()
    } catch (error) {
      await fault.end()
      throw error
    }
    await sleep(ONSET)
  })
  const broken = await record(() => sleep(during))
  await fault.end()
  const ended = performance.now()
  const spoilt = () => traffic.answers.findLast(({ at, ms, status }) => status !== 200 && at + ms >= ended)?.at ?? ended
  await eventually('all is well again', () => performance.now() - Math.max(spoilt(), ended) > CALM, LONGEST_RECOVERY)
  const recovered = Math.max(0, spoilt() - ended)
  const well = await record(() => sleep(after))
  return { before: calm, onset, during: broken, after: well, recovered }
}

/** A machine that others keep busy shows nothing. */
function isFit(calm: Phase): boolean {
  return calm.of().failed === 0 && calm.noise < FIT
}

function phases(traffic: Answers, control: Answers) {
  return async (wait: () => Promise<unknown>): Promise<Phase> => {
    const delays = monitorEventLoopDelay({ resolution: 5 })
    delays.enable()
    const from = performance.now()
    await wait().finally(() => delays.disable())
    const to = performance.now()
    const within = ({ answers }: Answers) => answers.filter(({ at }) => at >= from && at < to)
    return {
      of: (...kinds) => statsOf(within(traffic).filter(({ kind }) => kinds.length === 0 || kinds.includes(kind))),
      noise: Math.max(delays.max / 1e6, 2 * statsOf(within(control)).p99),
    }
  }
}
