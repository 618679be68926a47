/**
 * What a process that serves clients is made of, alone or as one of several, put together in the order in which it starts
 * and ends.
 *
 * @module
 */
import { createKeySets } from '#authn/key-sets.ts'
import type { World } from '#config/files.ts'
import type { Loaded } from '#config/load.ts'
import { createBadCredentials } from '#gate/bad-credentials.ts'
import { createBackends } from '#proxy/backends.ts'
import { createUpstreams } from '#proxy/upstreams.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import type { SharedCounters } from '#ratelimit/shared.ts'
import { createLogger, type ProcessLogger } from '#telemetry/log.ts'
import { createMetrics, type Metrics } from '#telemetry/metrics.ts'
import { addProcessMetrics } from '#telemetry/process.ts'

import type { Io } from '../command.ts'
import { createClients, type Clients } from './clients.ts'
import { endOnDefect } from './defects.ts'
import { openStores, type Stores } from './stores.ts'
import { createVersions, type Versions } from './versions.ts'

/** The place of a process among those that listen on one port. */
export interface Among {
  /** Its number, from 0 on. */
  readonly worker: number
  readonly processes: number
  /** Makes the counters that they share. */
  leased(log: ProcessLogger, metrics: Pick<Metrics, 'limitShares'>): SharedCounters
  /** Number of the version they serve, and what it was read with. */
  readonly generation: number
  readonly readFile: World['readFile']
}

export interface CoreOptions {
  /** The file. */
  readonly path: string
  readonly loaded: Loaded
  /** Called when the stores are open and nothing is served yet. */
  readonly prepare?: (stores: Stores) => Promise<void>
  /** Milliseconds between failing readiness and closing the door. */
  readonly settle?: number
  /** Absent: it is alone. */
  readonly among?: Among
}

export interface Core {
  readonly metrics: Metrics
  readonly log: ProcessLogger
  readonly versions: Versions
  readonly clients: Clients
}

/**
 * Makes all of it; nothing listens yet.
 *
 * @param parts takes what must be ended, which it does in reverse: the listener first, the log last
 * @throws Error when a database cannot be opened, or `prepare` fails
 */
export async function createCore(
  parts: AsyncDisposableStack,
  options: CoreOptions,
  io: Pick<Io, 'env' | 'clock'>,
): Promise<Core> {
  const { path, loaded, settle, prepare, among } = options
  const { config } = loaded
  const metrics = createMetrics()
  addProcessMetrics(metrics.registry)
  const worker = among?.worker
  const log = parts.adopt(
    createLogger({ level: config.log.level, metrics, worker, among: among !== undefined }),
    (it) => it.close(),
  )
  parts.adopt(endOnDefect(log), (it) => it.stop())
  const stores = parts.adopt(await openStores(config.stores, { metrics, log }), (it) => it.close())
  await prepare?.(stores)

  const leased = among?.leased(log, metrics)
  const keySets = parts.adopt(createKeySets({ metrics, log }), (it) => it.close())
  const backends = createBackends(metrics, { log })
  const upstreams = parts.adopt(createUpstreams({ backends, metrics, log }), (it) => it.close())
  const limits = createLimiters({ shared: stores.counters, leased, metrics })
  const authn = { clock: io.clock, keySets, lookups: stores.lookups, metrics, log }
  const gate = { authn, limits, badCredentials: createBadCredentials({ metrics, log, leased }) }
  const { generation, readFile } = among ?? {}
  const first = { ...(generation !== undefined && { generation }), ...(readFile !== undefined && { readFile }) }
  const versions = createVersions(loaded, { path, env: io.env, gate, upstreams, metrics, log, ...first })
  const processes = among?.processes ?? 1
  const deps = { versions, stores, keySets, metrics, log, clock: io.clock, settle, processes }
  const clients = parts.adopt(createClients(config, deps), (it) => it.close())
  return { metrics, log, versions, clients }
}
