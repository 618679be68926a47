/**
 * The listeners of operators: probes, and administration when the file asks for it.
 *
 * @module
 */
import type { Config } from '#config/config.ts'
import { createHealth, type HealthOptions } from '#http/health.ts'
import { createHttpServer } from '#http/server.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import type { Address } from '#values/network.ts'

import { createAdmin, type AdminDeps } from './admin.ts'

export interface OperatorsDeps extends AdminDeps, Pick<HealthOptions, 'components' | 'registry'> {
  readonly metrics: Pick<Metrics, 'malformed' | 'connectionsRefused'>
  readonly log: Logger
}

export interface Operators {
  /** Begins to listen; answers where the probes are. */
  open(config: Pick<Config, 'probes' | 'admin'>): Promise<Address>
  /** Probes answer until then. */
  close(): Promise<void>
}

/** Makes the listeners; nothing is bound before `open`. */
export function createOperators(deps: OperatorsDeps): Operators {
  const probes = createHttpServer(deps, { request: createHealth(deps) })
  const admin = createHttpServer(deps, { request: createAdmin(deps) })
  return {
    async open(config) {
      if (config.admin !== undefined) await admin.listen(config.admin)
      return probes.listen(config.probes)
    },
    async close() {
      await Promise.all([probes.stop(), admin.stop()])
    },
  }
}
