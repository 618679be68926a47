/**
 * A gateway process: everything that lives as long as it does, put together in the order in which it starts and ends.
 *
 * @module
 */
import { createKeySets } from '#authn/key-sets.ts'
import type { Loaded } from '#config/load.ts'
import { watchSources } from '#config/watch.ts'
import { createBadCredentials } from '#gate/bad-credentials.ts'
import { createPools } from '#proxy/pools.ts'
import { createUpstreams } from '#proxy/upstreams.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import { createLogger } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import { addProcessMetrics } from '#telemetry/process.ts'
import type { Address } from '#values/network.ts'

import type { Io } from '../command.ts'
import { endOnDefect } from './defects.ts'
import { createListeners } from './listeners.ts'
import { openStores, type Stores } from './stores.ts'
import { createVersions } from './versions.ts'

export interface StartOptions {
  /** The file. */
  readonly path: string
  readonly loaded: Loaded
  /** Called when the stores are open and nothing is served yet. */
  readonly prepare?: (stores: Stores) => Promise<void>
  /** Milliseconds between failing readiness and closing the door. */
  readonly settle?: number
}

export interface Gateway {
  /** Where it listens; tells the port when the file asked for any. */
  readonly listen: Address
  readonly probes: Address
  /** Reads the file again. */
  reload(): void
  /** Drains and closes everything; called again, at once. */
  end(reason: string): Promise<void>
}

/**
 * Starts a gateway. What was started before a failure is ended again.
 *
 * @throws Error when an address cannot be listened on, a database cannot be opened, or `prepare` fails
 */
export async function startGateway(options: StartOptions, io: Pick<Io, 'env' | 'clock'>): Promise<Gateway> {
  const parts = new AsyncDisposableStack()
  try {
    return await start(parts, options, io)
  } catch (error) {
    await parts.disposeAsync()
    throw error
  }
}

/** @param parts takes what must be ended, which it does in reverse: the listeners first, the log last */
async function start(parts: AsyncDisposableStack, options: StartOptions, io: Pick<Io, 'env' | 'clock'>) {
  const { path, loaded, settle, prepare } = options
  const { config } = loaded
  const metrics = createMetrics()
  addProcessMetrics(metrics.registry)
  const log = parts.adopt(createLogger({ level: config.log.level, metrics }), (it) => it.close())
  parts.adopt(endOnDefect(log), (it) => it.stop())
  const stores = parts.adopt(await openStores(config.stores, { metrics, log }), (it) => it.close())
  await prepare?.(stores)

  const keySets = parts.adopt(createKeySets({ metrics, log }), (it) => it.close())
  const pools = createPools(metrics, { log })
  const upstreams = parts.adopt(createUpstreams({ pools, metrics, log }), (it) => it.close())
  const limits = createLimiters({ shared: stores.counters, metrics })
  const authn = { clock: io.clock, keySets, lookups: stores.lookups, metrics, log }
  const gate = { authn, limits, badCredentials: createBadCredentials({ metrics, log }) }
  const versions = createVersions(loaded, { path, env: io.env, gate, upstreams, metrics, log })
  const deps = { path, versions, stores, keySets, metrics, log, clock: io.clock, settle }
  const listeners = parts.adopt(createListeners(config, deps), (it) => it.close())

  const { listen, probes } = await listeners.open()
  log.info({ listen, probes, routes: config.routes.length }, 'gateway started')
  const watching = watchSources(loaded.sources, () => watching.follow(versions.reload()))
  return {
    listen,
    probes,
    reload: () => watching.follow(versions.reload()),
    async end(reason: string) {
      const first = listeners.drain.state === 'ready'
      watching.close()
      await listeners.drain.begin(reason)
      if (first) await parts.disposeAsync()
    },
  }
}
