/**
 * The primary: keeps several workers that serve clients on one port, and does for them what can only be done once:
 * it reads the file, answers probes and operators, lends out the tokens of limits, and replaces workers that die.
 *
 * It is on no request's way: workers accept connections by themselves, and the system spreads these over them.
 *
 * @module
 */
import { createServer } from 'node:net'

import type { Loaded } from '#config/load.ts'
import type { Component } from '#http/health.ts'
import { listen } from '#http/listen.ts'
import { Lender } from '#ratelimit/lease-lender.ts'
import { createGarbageCollector } from '#resilience/overload/garbage-collector.ts'
import { createLogger } from '#telemetry/log.ts'
import { createMetrics, createWorkerMetrics } from '#telemetry/metrics.ts'
import { addProcessMetrics } from '#telemetry/process.ts'
import type { Address } from '#values/network.ts'

import type { Io } from '../../command.ts'
import { assemble } from '../assemble.ts'
import { endOnDefect } from '../defects.ts'
import { createOperators } from '../operators.ts'
import type { Profile } from '../profiler.ts'
import type { Gateway } from '../start.ts'
import { Keeper } from './keeper.ts'
import type { Member } from './member.ts'
import type { Preparation } from './messages.ts'
import { createPage } from './page.ts'
import { Pool } from './pool.ts'
import { createReadiness } from './readiness.ts'
import type { Snapshot } from './snapshot.ts'

const BUILD_PATIENCE = 10_000 // milliseconds for a worker to build a version
const END_PATIENCE = 5000 // milliseconds beyond `grace` until workers are killed

export interface PrimaryOptions {
  /** The file, what it was read as, and from what. */
  readonly path: string
  readonly loaded: Loaded
  readonly snapshot: Snapshot
  /** How many workers. */
  readonly count: number
}

/**
 * Starts the workers, and waits until they serve. What was started before a failure is ended again.
 *
 * @throws Error when an address cannot be listened on, or with what a worker says that cannot be started
 */
export function startWorkers(options: PrimaryOptions, io: Pick<Io, 'env' | 'clock'>): Promise<Gateway> {
  return assemble((parts) => start(parts, options, io))
}

async function start(parts: AsyncDisposableStack, options: PrimaryOptions, io: Pick<Io, 'env' | 'clock'>) {
  const { path, loaded, snapshot, count } = options
  const { config } = loaded
  const at = await reserve(config.listen)
  const metrics = createMetrics()
  addProcessMetrics(metrics.registry)
  const log = parts.adopt(createLogger({ level: config.log.level, metrics, among: true }), (it) => it.close())
  parts.adopt(endOnDefect(log), (it) => it.stop())

  const lender = new Lender({
    borrowers: count,
    tell: (worker, lending) => pool.tell(worker, { kind: 'lend', lending }),
    now: () => performance.now(),
    after: (milliseconds, call) => void setTimeout(call, milliseconds).unref(),
  })
  Object.assign(metrics.limitKeys, { collect: () => metrics.limitKeys.set(lender.size) })
  const propose = (next: Snapshot, generation: number) => proposeTo(pool.members, next, generation)
  const applied = () => pool.members.forEach((member) => bringUpToDate(member, keeper))
  const keeper = new Keeper(loaded, snapshot, { path, env: io.env, log, metrics, propose, applied })
  parts.adopt(keeper, (it) => it.close())

  const pool: Pool = new Pool({
    count,
    patience: config.grace + END_PATIENCE,
    log,
    metrics: createWorkerMetrics(metrics.registry),
    beginning: (worker) => {
      const { generation } = keeper
      return { worker, processes: count, path, snapshot: keeper.snapshot, generation, listen: at }
    },
    update: (member) => {
      void readiness.learn(member)
      bringUpToDate(member, keeper)
    },
    borrow: (worker, { borrowing }) => lender.hear(worker, borrowing),
    onEnd: (member) => {
      lender.leave(member.index)
      page.keep(member)
    },
  })
  const draining = drainOf()
  const page = createPage(metrics.registry, () => pool.members)
  const readiness = createReadiness([draining.component, keeper.component], pool, count)
  const deps = { path, versions: keeper, components: readiness.components, registry: page, metrics, log }
  const operators = parts.adopt(createOperators({ ...deps, profile: profileOf(pool) }), (it) => it.close())
  parts.defer(() => pool.kill('not started'))

  const probes = await operators.open(config)
  await pool.start()
  log.info({ listen: at, probes, routes: config.routes.length, workers: count }, 'gateway started')
  createGarbageCollector()() // what starting took is not needed any more
  return {
    listen: at,
    probes,
    reload: () => keeper.reload(),
    async end(reason: string) {
      const first = draining.begin()
      keeper.close()
      await pool.drain(reason)
      if (first) await parts.disposeAsync()
    },
  }
}

/**
 * Finds out whether the address is free, and which port it is when any will do. Workers share it with whoever shares it
 * too, so that a second gateway would quietly take half of the connections.
 */
async function reserve(address: Address): Promise<Address> {
  const server = createServer((socket) => socket.destroy())
  const { port } = await listen(server, address)
  await new Promise((resolve) => server.close(resolve))
  return { host: address.host, port }
}

/** Has workers build a version, and put it in force when all of them could; answers why not. */
async function proposeTo(
  members: readonly Member[],
  snapshot: Snapshot,
  generation: number,
): Promise<string | undefined> {
  const asked = members.filter(({ state }) => state !== 'starting')
  const answers = asked.map((member) => member.ask({ kind: 'prepare', snapshot }, BUILD_PATIENCE))
  const made = (await Promise.all(answers)) as (Preparation | undefined)[]
  const problem = made.find((one) => one?.problem !== undefined)?.problem
  for (const [index, member] of asked.entries()) {
    if (problem !== undefined) member.tell({ kind: 'conclude' })
    else if (made[index] === undefined) member.kill('did not take the new configuration')
    else {
      member.generation = generation
      member.tell({ kind: 'conclude', generation })
    }
  }
  return problem
}

function bringUpToDate(member: Member, { snapshot, generation }: Keeper): void {
  if (member.generation !== generation) void proposeTo([member], snapshot, generation)
}

/** The drain, as far as probes show it. */
function drainOf(): { readonly component: Component; begin(): boolean } {
  let isDraining = false
  return {
    component: {
      name: 'drain',
      required: true,
      check: () => ({ status: isDraining ? 'down' : 'up', state: isDraining ? 'draining' : 'ready' }),
    },
    begin() {
      const first = !isDraining
      isDraining = true
      return first
    },
  }
}

/** A profile of one worker: all do the same. */
function profileOf(pool: Pool): Profile {
  return async (of, time, signal) => {
    const worker = pool.members.find(({ state }) => state === 'open')
    const stop = () => worker?.tell({ kind: 'stop profile' })
    signal.addEventListener('abort', stop, { once: true })
    const answer = await worker?.ask({ kind: 'profile', of, time }, time + BUILD_PATIENCE)
    signal.removeEventListener('abort', stop)
    if (signal.aborted) return undefined
    if (typeof answer !== 'string') throw new Error('no worker took it')
    return answer
  }
}
