/**
 * `heimdall serve`.
 *
 * @module
 */
import { availableParallelism } from 'node:os'

import { errorText } from '#telemetry/error-text.ts'

import type { Command, Io, Signals } from '../command.ts'
import { configHelp, configOption, configPath, readConfig } from '../config-file.ts'
import type { Gateway, StartOptions } from '../gateway/start.ts'
import { unsafeProcess } from '../gateway/unsafe-process.ts'
import { capturing, type Snapshot } from '../gateway/workers/snapshot.ts'

export const serve: Command = {
  name: 'serve',
  summary: 'Runs the gateway.',
  usage: '[--config FILE]',
  about:
    'SIGTERM and SIGINT drain: readiness fails, requests under way finish within `grace`; a second signal ends at once.\n' +
    'SIGHUP, or a change of the file, reloads it without a failed request. Logs are JSON lines on standard output.\n' +
    'With `workers` above 1 a process of its own keeps them: signals to it, or to all of them, mean the same.\n' +
    'Exit codes: 0 drained, 1 not started, 70 ended by a defect of its own (the last log line tells which).',
  options: configOption,
  describe: configHelp,
  examples: [
    'npm run -s heimdall -- serve --config /etc/heimdall/heimdall.yaml',
    'HEIMDALL_LISTEN=127.0.0.1:8081 npm run -s heimdall -- serve',
  ],
  async run(call, io) {
    if (!isSafeProcess('serve', io)) return 1
    const files = capturing()
    const loaded = readConfig(call, io, files)
    if (loaded === undefined) return 1
    const signals = io.signals() // before the start: a signal that comes during it is heeded after it
    try {
      await untilEnd(await start({ path: configPath(call), loaded }, files.snapshot(), io), signals)
      return 0
    } catch (error) {
      io.err(`heimdall serve: ${errorText(error)}`)
      return 1
    } finally {
      signals.stop()
    }
  },
}

/** One process, or several with one that keeps them; what only the other form needs is not loaded. */
async function start(options: StartOptions, snapshot: Snapshot, io: Io): Promise<Gateway> {
  const { workers } = options.loaded.config
  const count = workers === 'auto' ? availableParallelism() : workers
  if (count === 1) return (await import('../gateway/start.ts')).startGateway(options, io)
  const { startWorkers } = await import('../gateway/workers/primary.ts')
  return startWorkers({ ...options, snapshot, count }, io)
}

/** False, and said why, when flags or variables of the process would undo what a gateway promises. */
export function isSafeProcess(command: string, io: Io): boolean {
  const unsafe = unsafeProcess(io.env, process.execArgv)
  for (const danger of unsafe) io.err(`heimdall ${command}: does not start: ${danger}`)
  return unsafe.length === 0
}

/** Waits for the signal to end, and ends. */
export async function untilEnd(gateway: Gateway, signals: Signals): Promise<void> {
  signals.onHangup(() => gateway.reload())
  const ended = gateway.end(await signals.first)
  void signals.again.then((signal) => gateway.end(signal))
  await ended
}
