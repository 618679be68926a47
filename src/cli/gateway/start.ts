/**
 * A gateway process: everything that lives as long as it does, put together in the order in which it starts and ends.
 *
 * @module
 */
import { createKeySets } from '#authn/key-sets.ts'
import type { Loaded } from '#config/load.ts'
import { watchSources } from '#config/watch.ts'
import { createPools } from '#proxy/pools.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import { createLogger } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import type { Address } from '#values/network.ts'

import type { Io } from '../command.ts'
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
 * Starts a gateway.
 *
 * @throws Error when an address cannot be listened on or the embedded database cannot be opened
 */
export async function startGateway(options: StartOptions, io: Pick<Io, 'env' | 'clock'>): Promise<Gateway> {
  const { path, loaded, settle, prepare } = options
  const { config } = loaded
  const metrics = createMetrics()
  const log = createLogger({ level: config.log.level, metrics })
  const stores = await openStores(config.stores, { metrics, log })
  await prepare?.(stores)

  const keySets = createKeySets({ metrics, log })
  const pools = createPools(metrics)
  const limits = createLimiters({ redis: stores.redis, metrics, log })
  const authn = { clock: io.clock, keySets, lookups: stores.lookups, metrics, log }
  const versions = createVersions(loaded, { path, env: io.env, gate: { authn, limits }, pools, metrics, log })
  const listeners = createListeners(config, { path, versions, stores, keySets, metrics, log, clock: io.clock, settle })

  const close = async () => {
    versions.close()
    await listeners.close()
    await Promise.all([pools.close(), keySets.close(), stores.close()])
    await log.close()
  }
  try {
    const { listen, probes } = await listeners.open()
    log.info({ listen, probes, routes: config.routes.length }, 'gateway started')
    const watching = watchSources(loaded.sources, () => watching.follow(versions.reload()))
    return {
      listen,
      probes,
      reload: () => watching.follow(versions.reload()),
      async end(reason) {
        const first = listeners.drain.state === 'ready'
        watching.close()
        await listeners.drain.begin(reason)
        if (first) await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
