/**
 * The listeners of a gateway process: clients, probes, and administration when the file asks for it.
 *
 * @module
 */
import type { KeySets } from '#authn/key-sets.ts'
import type { Config } from '#config/config.ts'
import { createDrain, type Drain } from '#http/drain.ts'
import { createHealth } from '#http/health.ts'
import { createHttpServer } from '#http/server.ts'
import { createHandler } from '#proxy/handler.ts'
import { createTeller } from '#proxy/tell.ts'
import { createTunnels } from '#proxy/tunnels.ts'
import { createUpgradeHandler } from '#proxy/upgrade-handler.ts'
import { Overload } from '#resilience/overload.ts'
import type { ProcessLogger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import type { Address } from '#values/network.ts'

import { createAdmin } from './admin.ts'
import { keysComponent } from './keys-component.ts'
import { createLimits, guardListener, meansOfProcess, overloadComponent } from './overload.ts'
import { profileThis } from './profiler.ts'
import type { Stores } from './stores.ts'
import type { Versions } from './versions.ts'

export interface ListenersDeps {
  /** The file, for the admin page. */
  readonly path: string
  readonly versions: Versions
  readonly stores: Stores
  readonly keySets: KeySets
  readonly metrics: Metrics
  readonly log: ProcessLogger
  /** Wall clock, milliseconds since the epoch. */
  readonly clock: () => number
  /** Milliseconds between failing readiness and closing the door. */
  readonly settle: number | undefined
}

export interface Listeners {
  readonly drain: Drain
  /** Begins to listen: clients last, when all else is there. */
  open(): Promise<{ readonly listen: Address; readonly probes: Address }>
  /** Closes what the drain leaves open: probes answer to the end. */
  close(): Promise<void>
}

/** Makes the listeners that the first version of the file asks for. */
export function createListeners(config: Config, deps: ListenersDeps): Listeners {
  const { versions, stores, keySets, metrics, log, clock, settle } = deps
  const teller = createTeller({ metrics, line: (json) => log.line(json), clock })
  const tunnels = createTunnels({ metrics, log, clock })
  const means = meansOfProcess()
  const limits = createLimits(() => versions.config.overload, means)
  const overload = new Overload({
    limits,
    inFlight: () => teller.inFlight - tunnels.size,
    metrics,
    log,
  })
  const handling = { current: () => versions.current, teller, tunnels, overload }
  const handlers = { request: createHandler(handling), upgrade: createUpgradeHandler(handling) }
  const clients = createHttpServer({ log, metrics }, handlers)
  const guard = guardListener({ means, limits, overload, clients, metrics, log })
  const drain = createDrain({
    servers: [clients],
    grace: config.grace,
    onStop: () => tunnels.drain(),
    log,
    ...(settle !== undefined && { settle }),
  })

  const own = [drain.component, versions.component, overloadComponent(overload), keysComponent(keySets)]
  const components = [...own, ...stores.components]
  const health = createHealth({ components, registry: metrics.registry })
  const probes = createHttpServer({ log, metrics }, { request: health })
  const admin = createHttpServer(
    { log, metrics },
    { request: createAdmin({ path: deps.path, versions, profile: profileThis, log }) },
  )

  return {
    drain,
    async open() {
      if (config.admin !== undefined) await admin.listen(config.admin)
      const at = await probes.listen(config.probes)
      return { probes: at, listen: await clients.listen(config.listen) }
    },
    async close() {
      clients.cut()
      await Promise.all([clients.stop(), probes.stop(), admin.stop()])
      guard.close()
    },
  }
}
