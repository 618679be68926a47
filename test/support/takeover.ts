/**
 * One server takes the place of another under traffic, from a while before to a while after.
 *
 * @module
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Answer, Load } from './load.ts'
import { eventually } from './processes.ts'
import { startService } from './service.ts'
import { startTraffic, statsOf } from './traffic.ts'

export interface Takeover {
  /** The old server goes. */
  readonly begin: () => unknown
  /** The new one is there once this has ended. */
  readonly end: () => unknown
  /** Milliseconds between the two, at least. */
  readonly between: number
}

export interface Seen {
  /** Answers to requests that were sent in the time before, while nobody was there, and in all. */
  readonly before: readonly Answer[]
  readonly between: readonly Answer[]
  readonly all: readonly Answer[]
  /** `performance.now()` when the old server was gone. */
  readonly gone: number
  /** Milliseconds from then until the new one was there. */
  readonly taken: number
  /** Milliseconds from when the new server was there to the last request that was not answered well. */
  readonly recovered: number
  /** Milliseconds that the machine itself may have added to any wait: how late timers were, or twice how long a service alone took. */
  readonly late: number
}

const BEFORE = 1500 // milliseconds
const CALM = 1000 // milliseconds without a failure that count as recovery
const LONGEST_RECOVERY = 15_000

/** Lives through it. */
export async function liveThroughTakeover(traffic: Load, takeover: Takeover): Promise<Seen> {
  const measured = await measureMachine()
  try {
    const seen = await watch(traffic, takeover)
    return { ...seen, late: await measured() }
  } finally {
    await measured()
  }
}

async function watch({ answers }: Load, { begin, end, between }: Takeover): Promise<Omit<Seen, 'late'>> {
  const [first, start] = [answers.length, performance.now()]
  await sleep(BEFORE)
  const going = performance.now()
  await begin()
  const gone = performance.now()
  await sleep(between)
  const taking = performance.now()
  await end()
  const there = performance.now()
  const spoilt = () =>
    Math.max(there, answers.findLast(({ status, at, ms }) => status !== 200 && at + ms > there)?.at ?? 0)
  await eventually('all is well again', () => performance.now() - spoilt() > CALM, LONGEST_RECOVERY)
  const within = (from: number, to: number) => answers.slice(first).filter(({ at }) => at >= from && at < to)
  return {
    before: within(start, going),
    between: within(gone, taking),
    all: within(start, Infinity),
    gone,
    taken: there - gone,
    recovered: spoilt() - there,
  }
}

/** Begins to measure; what is returned ends it, and tells `late`. */
async function measureMachine(): Promise<() => Promise<number>> {
  const delays = monitorEventLoopDelay({ resolution: 5 })
  delays.enable()
  const service = await startService((_, response) => void response.end())
  const control = startTraffic(service.url, () => ({ kind: 'control', path: '/' }), { clients: 5, rate: 40 })
  let ended: Promise<number> | undefined
  const end = async () => {
    delays.disable()
    const { most } = statsOf(await control.stop())
    await service.close()
    return Math.max(delays.max / 1e6, 2 * most)
  }
  return () => (ended ??= end())
}
