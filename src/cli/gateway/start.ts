/**
 * A gateway that is one process.
 *
 * @module
 */
import { watchSources } from '#config/watch.ts'
import type { Address } from '#values/network.ts'

import type { Io } from '../command.ts'
import { assemble } from './assemble.ts'
import { createCore, type CoreOptions } from './core.ts'
import { createOperators } from './operators.ts'
import { profileThis } from './profiler.ts'

export type StartOptions = Omit<CoreOptions, 'among'>

/** A gateway that runs, in one process or in several. */
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
export function startGateway(options: StartOptions, io: Pick<Io, 'env' | 'clock'>): Promise<Gateway> {
  return assemble((parts) => start(parts, options, io))
}

async function start(parts: AsyncDisposableStack, options: StartOptions, io: Pick<Io, 'env' | 'clock'>) {
  const { path, loaded } = options
  const { config, sources } = loaded
  const { metrics, log, versions, clients } = await createCore(parts, options, io)
  const { registry } = metrics
  const components = [clients.drain.component, versions.component, ...clients.components]
  const operators = createOperators({ path, versions, profile: profileThis, components, registry, metrics, log })
  parts.adopt(operators, (it) => it.close())

  const probes = await operators.open(config) // clients last, when all else is there
  const listen = await clients.listen(config.listen)
  log.info({ listen, probes, routes: config.routes.length }, 'gateway started')
  const watching = watchSources(sources, () => watching.follow(versions.reload()))
  return {
    listen,
    probes,
    reload: () => watching.follow(versions.reload()),
    async end(reason: string) {
      const first = clients.drain.state === 'ready'
      watching.close()
      await clients.drain.begin(reason)
      if (first) await parts.disposeAsync()
    },
  }
}
