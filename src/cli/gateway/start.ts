/**
 * A gateway process: everything that lives as long as it does, put together in the order in which it starts and ends.
 *
 * @module
 */
import { createKeySets } from '#authn/key-sets.ts'
import { watchSources } from '#config/watch.ts'
import type { Loaded } from '#config/load.ts'
import { createDrain } from '#http/drain.ts'
import { createHealth } from '#http/health.ts'
import { createHttpServer } from '#http/server.ts'
import { createHandler } from '#proxy/handler.ts'
import { createPools } from '#proxy/pools.ts'
import { createTeller } from '#proxy/tell.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import { createLogger } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import type { Address } from '#values/network.ts'

import type { Io } from '../command.ts'
import { createAdmin } from './admin.ts'
import { keysComponent } from './keys-component.ts'
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
  const { path, loaded } = options
  const { config } = loaded
  const metrics = createMetrics()
  const log = createLogger({ level: config.log.level, metrics })
  const stores = await openStores(config.stores, { metrics, log })
  await options.prepare?.(stores)

  const keySets = createKeySets({ metrics, log })
  const pools = createPools(metrics)
  const limits = createLimiters({ redis: stores.redis, metrics, log })
  const authn = { clock: io.clock, keySets, lookups: stores.lookups, metrics, log }
  const versions = createVersions(loaded, { path, env: io.env, gate: { authn, limits }, pools, metrics, log })
  const teller = createTeller({ metrics, line: (json) => log.line(json), clock: io.clock })

  const server = createHttpServer(
    { log, metrics },
    { request: createHandler({ current: () => versions.current, teller }) },
  )
  const drain = createDrain({
    servers: [server],
    grace: config.grace,
    log,
    ...(options.settle !== undefined && { settle: options.settle }),
  })
  const components = [drain.component, versions.component, keysComponent(keySets), ...stores.components]
  const probes = createHttpServer(
    { log, metrics },
    { request: createHealth({ components, registry: metrics.registry }) },
  )
  const admin = config.admin && createHttpServer({ log, metrics }, { request: createAdmin(path, versions) })

  const close = async () => {
    versions.close()
    await Promise.all([probes.stop(), admin?.stop(), pools.close(), keySets.close(), stores.close()])
    await log.close()
  }
  try {
    if (admin !== undefined && config.admin !== undefined) await admin.listen(config.admin)
    const at = await probes.listen(config.probes)
    const listen = await server.listen(config.listen)
    log.info({ listen, probes: at, routes: config.routes.length }, 'gateway started')
    const watching = watchSources(loaded.sources, () => watching.follow(versions.reload()))

    return {
      listen,
      probes: at,
      reload: () => watching.follow(versions.reload()),
      async end(reason) {
        const first = drain.state === 'ready'
        watching.close()
        await drain.begin(reason)
        if (first) await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
