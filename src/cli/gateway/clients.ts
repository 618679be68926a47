/**
 * The listener that clients reach, with all that stands around it: overload control, tunnels, the drain.
 *
 * @module
 */
import type { KeySets } from '#authn/key-sets.ts'
import type { Config } from '#config/config.ts'
import { createDrain, type Drain } from '#http/drain.ts'
import type { Component } from '#http/health.ts'
import { createHttpServer } from '#http/server.ts'
import { createHandler } from '#proxy/handler.ts'
import { createTeller } from '#proxy/tell.ts'
import { createTunnels } from '#proxy/tunnels.ts'
import { createUpgradeHandler } from '#proxy/upgrade-handler.ts'
import { Overload } from '#resilience/overload.ts'
import type { ProcessLogger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import type { Address } from '#values/network.ts'

import { keysComponent } from './keys-component.ts'
import { createLimits, guardListener, meansOfProcess, overloadComponent } from './overload.ts'
import type { Stores } from './stores.ts'
import type { Versions } from './versions.ts'

export interface ClientsDeps {
  readonly versions: Versions
  readonly stores: Stores
  readonly keySets: KeySets
  readonly metrics: Metrics
  readonly log: ProcessLogger
  /** Wall clock, milliseconds since the epoch. */
  readonly clock: () => number
  /** Milliseconds between failing readiness and closing the door. */
  readonly settle: number | undefined
  /** How many processes listen on the port; what the file allows is for all of them together. */
  readonly processes: number
}

export interface Clients {
  readonly drain: Drain
  /** For `/readyz`, beside the drain and the versions. */
  readonly components: readonly Component[]
  listen(address: Address): Promise<Address>
  close(): Promise<void>
}

/** Makes the listener; nothing is bound before `listen`. */
export function createClients(config: Config, deps: ClientsDeps): Clients {
  const { versions, stores, keySets, metrics, log, clock, settle, processes } = deps
  const teller = createTeller({ metrics, line: (json) => log.line(json), clock })
  const tunnels = createTunnels({ metrics, log, clock })
  const means = meansOfProcess(processes)
  const limits = createLimits(() => versions.config.overload, means)
  const inFlight = () => teller.inFlight - tunnels.size
  const overload = new Overload({ limits, inFlight, metrics, log })
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

  return {
    drain,
    components: [overloadComponent(overload), keysComponent(keySets), ...stores.components],
    listen: (address) => clients.listen(address, processes > 1),
    async close() {
      clients.cut()
      await clients.stop()
      guard.close()
    },
  }
}
