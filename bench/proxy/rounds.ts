/**
 * The rounds: every candidate in turn, and again, so that what drifts on the machine meets all of them.
 *
 * Whoever is not being measured is stopped by a signal, and so costs the others nothing.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

import type { Once, Plan, Traffic } from './candidate.ts'
import { layersOf, sharesBetween } from './layers.ts'
import { pace, send, type Paced } from './loads.ts'
import type { Progress } from './progress.ts'
import type { Load, Result } from './result.ts'
import type { Running } from './start.ts'
import { memory, processorTime, treeOf, watchMemory } from '../usage.ts'
import type { World } from './world.ts'

const AWAKE = 300 // milliseconds from the signal that lets a program go on to the load
const BACK = 1 // seconds of load after a stop, until caches hold what they did before it
const SETTLED = 1500 // milliseconds after the start, when what that left behind has been tidied up

/** Takes the figures of all candidates. */
export interface Rounds {
  /** Gets a candidate going; nothing is counted yet. */
  warmUp(one: Running): Promise<void>
  load(one: Running, round: number): Promise<void>
  pace(one: Running, rate: number): Promise<void>
  resultOf(one: Running): Promise<Result>
}

export function takeRounds(world: World, plan: Plan, progress: Progress): Rounds {
  const { children } = world
  const loads = new Map<Running, Load[]>()
  const paced = new Map<Running, Record<string, Paced[]>>()
  const before = new Map<Running, () => Promise<void>>()
  const idle = new Map<Running, number>()
  const read = new Map<Running, Awaited<ReturnType<typeof layersOf>>>()

  const awake = async <T>({ child, candidate }: Running, work: () => Promise<T>): Promise<T> => {
    if (child?.pid === undefined) return work()
    if (child.exitCode !== null) throw new Error(`${candidate.id} ended with ${child.exitCode}`)
    children.resume(child.pid)
    await sleep(AWAKE)
    const done = await work()
    children.pause(child.pid)
    return done
  }

  const measure = async (one: Running, round: number): Promise<Load> => {
    await before.get(one)?.()
    const pids = treeOf(one.child?.pid ?? world.upstream.pid)
    const traffic = one.traffic.kind === 'once' ? await listed(one.traffic, round) : one.traffic
    const held = watchMemory(pids)
    try {
      const spent = processorTime(pids)
      const { requests, seconds } = await send(children, one.origin, traffic, { seconds: plan.seconds, round })
      const cpu = (processorTime(pids) - spent) / requests
      return { rate: requests / seconds, cpu, rss: held.most() }
    } finally {
      held.stop()
    }
  }

  return {
    warmUp: (one) =>
      awake(one, async () => {
        const { candidate, child } = one
        await sleep(Math.max(0, one.served + SETTLED - performance.now()))
        if (child?.pid !== undefined) idle.set(one, memory(treeOf(child.pid)).now)
        const hook = await candidate.ready?.(world, one)
        if (hook !== undefined) before.set(one, hook)
        await send(children, one.origin, usualOf(one), { seconds: plan.warm, round: 0 })
        if (one.traffic.kind === 'once') await measure(one, 0)
        read.set(one, await layersOf(one.probes))
        progress.done(`${candidate.id} is warm`)
      }),
    load: (one, round) =>
      awake(one, async () => {
        await send(children, one.origin, usualOf(one), { seconds: BACK, round: 0 })
        const load = await measure(one, round)
        loads.set(one, [...(loads.get(one) ?? []), load])
        progress.done(
          `${one.candidate.id}: ${Math.round(load.rate)}/s, ${load.cpu.toFixed(1)} µs, ${load.rss.toFixed(0)} MiB`,
        )
      }),
    pace: (one, rate) =>
      awake(one, async () => {
        if (one.traffic.kind !== 'same') throw new TypeError(`${one.candidate.id} is not to be paced`)
        const waits = await pace(children, one.origin, one.traffic, { seconds: plan.paced.seconds, rate })
        const all = paced.get(one) ?? {}
        paced.set(one, { ...all, [rate]: [...(all[rate] ?? []), waits] })
        const { p50, p99, answered, failed } = waits
        const short = answered < 1 || failed > 0 ? `, ${(100 * answered).toFixed(0)} % answered, ${failed} failed` : ''
        progress.done(`${one.candidate.id} at ${rate}/s: p50 ${p50.toFixed(0)} µs, p99 ${p99.toFixed(0)} µs${short}`)
      }),
    resultOf: (one) =>
      awake(one, async () => {
        const { id, group, title } = one.candidate
        const layers = sharesBetween(read.get(one) ?? {}, await layersOf(one.probes))
        const pid = one.child?.pid
        const held = pid === undefined ? undefined : { start: idle.get(one) ?? 0, peak: memory(treeOf(pid)).peak }
        return { id, group, title, loads: loads.get(one) ?? [], paced: paced.get(one) ?? {}, memory: held, layers }
      }),
  }
}

/** Where no value is to be sent twice, the good one again and again: what is measured is to be known to nobody. */
function usualOf({ traffic }: Running): Exclude<Traffic, Once> {
  if (traffic.kind !== 'once') return traffic
  const { path, header, sample } = traffic
  return { kind: 'same', path, headers: { [header]: sample } }
}

/** Makes the list before the clock starts. */
async function listed(traffic: Once, round: number): Promise<Once> {
  const file = await traffic.list(round)
  return { ...traffic, list: () => Promise.resolve(file) }
}
