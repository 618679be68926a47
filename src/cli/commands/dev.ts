/**
 * `heimdall dev`.
 *
 * @module
 */
import { mkdirSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'

import type { Loaded } from '#config/load.ts'
import { errorText } from '#telemetry/error-text.ts'
import type { Address } from '#values/network.ts'

import type { Command, Io } from '../command.ts'
import { configHelp, configOption, configPath, readConfig } from '../config-file.ts'
import { startDemoService } from '../dev/demo-service.ts'
import { DEV_DIRECTORY, ensureIssuer } from '../dev/issuer.ts'
import { seed } from '../dev/seed.ts'
import { printedTour, tour, type DemoSecrets } from '../dev/tour.ts'
import { startGateway, type Gateway } from '../gateway/start.ts'
import type { Stores } from '../gateway/stores.ts'
import { isSafeProcess, untilEnd } from './serve.ts'

export const dev: Command = {
  name: 'dev',
  summary: 'Runs the gateway with a demo service and demo people, and prints requests to try.',
  usage: '[--config FILE]',
  about:
    `Embedded Postgres and keys live in ${DEV_DIRECTORY}/; remove it to start anew.\n` +
    'With HEIMDALL_POSTGRES_URL and HEIMDALL_REDIS_URL set, the same demo runs on those.',
  options: configOption,
  describe: configHelp,
  examples: ['npm start', 'HEIMDALL_REDIS_URL=redis://127.0.0.1:6379 npm start'],
  async run(call, io) {
    if (!isSafeProcess('dev', io)) return 1
    mkdirSync(DEV_DIRECTORY, { recursive: true, mode: 0o700 })
    await ensureIssuer(join(DEV_DIRECTORY, 'issuer'))
    const loaded = readConfig(call, io)
    if (loaded === undefined) return 1
    const signals = io.signals()
    try {
      const demo = await startDemoService(demoPort(loaded))
      try {
        await untilEnd(await startDemo(configPath(call), loaded, io), signals)
      } finally {
        await demo.close()
      }
      return 0
    } catch (error) {
      io.err(`heimdall dev: ${errorText(error)}`)
      return 1
    } finally {
      signals.stop()
    }
  },
}

/** Where the file expects the demo service; any free port when it does not. */
function demoPort({ config }: Loaded): number {
  const url = config.upstreams['demo']?.targets[0]?.url
  return url === undefined ? 0 : Number(new URL(url).port)
}

async function startDemo(path: string, loaded: Loaded, io: Io): Promise<Gateway> {
  const secrets = Promise.withResolvers<DemoSecrets>()
  const prepare = async ({ sql }: Stores) => {
    if (sql === undefined) throw new Error('the demo needs `stores.postgres`')
    secrets.resolve(await seed(sql.db, io.clock()))
  }
  const gateway = await startGateway({ path, loaded, settle: 0, prepare }, io)
  const base = urlOf(gateway.listen)
  io.out(`\nHeimdall is on ${base}, its probes on ${urlOf(gateway.probes)}.`)
  io.out('Paste these into another terminal, in this folder; the numbers are the statuses to expect.\n')
  io.out(`${printedTour(tour(base, await secrets.promise))}\n`)
  return gateway
}

function urlOf({ host, port }: Address): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
}
