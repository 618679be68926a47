/**
 * Starts a candidate, and makes sure that it does what its title says before anything is measured.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process'

import { eventually, steadyPort } from '../../test/support/processes.ts'
import type { Candidate, Headers, Plan, Traffic } from './candidate.ts'
import { statusOf, upgradeStatusOf } from './status.ts'
import type { World } from './world.ts'

const PATIENCE = 15_000

/** A candidate that serves. */
export interface Running {
  readonly candidate: Candidate
  readonly origin: string
  /** Absent where the upstream itself is asked. */
  readonly child: ChildProcess | undefined
  /** Of Heimdall; nobody answers there elsewhere. */
  readonly probes: string
  readonly traffic: Traffic
  /** When it had begun to serve, by `performance.now()`. */
  readonly served: number
}

/** Starts one, waits until it serves, and stops it by a signal until it is its turn. @throws Error when it lets a bad credential through, or refuses a good one */
export async function start(candidate: Candidate, world: World, plan: Plan): Promise<Running> {
  const { title, place = 'proxy', patience = PATIENCE } = candidate
  const ports = { listen: await steadyPort(), probes: await steadyPort() }
  const command = await candidate.command(world, ports)
  const traffic = await candidate.traffic(world, plan)
  const child = typeof command === 'number' ? undefined : world.children.launch(place, command)
  const origin = `http://127.0.0.1:${typeof command === 'number' ? command : ports.listen}`
  const ask = (headers: Headers) =>
    traffic.kind === 'echo' ? upgradeStatusOf(origin + traffic.path, headers) : statusOf(origin + traffic.path, headers)
  const [good, right] = rightOf(traffic)
  let status = 0
  const serves = async () => {
    if (child !== undefined && child.exitCode !== null) throw new Error(`${title} ended with ${child.exitCode}`)
    status = await ask(good)
    return status === right
  }
  await eventually(title, serves, patience).catch(() => {
    throw new Error(`${title} answers ${status} instead of ${right} after ${patience / 1000} s`)
  })
  const served = performance.now()
  const bad = candidate.bad === undefined ? undefined : await ask(candidate.bad(world))
  if (bad !== undefined && bad !== 401) throw new Error(`${title} answers ${bad} to a bad credential`)
  if (child?.pid !== undefined) world.children.pause(child.pid)
  return { candidate, origin, child, probes: `http://127.0.0.1:${ports.probes}`, traffic, served }
}

/** A good request's headers, and the status of its answer. */
function rightOf(traffic: Traffic): readonly [headers: Headers, status: number] {
  if (traffic.kind === 'same') return [traffic.headers, traffic.status ?? 200]
  return traffic.kind === 'echo' ? [traffic.headers, 101] : [{ [traffic.header]: traffic.sample }, 200]
}
