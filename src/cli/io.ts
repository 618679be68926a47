/**
 * The process as commands see it: standard streams, environment, clock and signals.
 *
 * @module
 */
import type { Io } from './command.ts'

/** The real process. */
export function processIo(): Io {
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    env: process.env,
    clock: Date.now,
    signals: processSignals,
  }
}

function processSignals(): ReturnType<Io['signals']> {
  const first = Promise.withResolvers<string>()
  const again = Promise.withResolvers<string>()
  let seen = 0
  const onEnd = (signal: string) => {
    seen += 1
    if (seen === 1) first.resolve(signal)
    else again.resolve(signal)
  }
  const hangups: (() => void)[] = []
  const onHangup = () => hangups.forEach((action) => action())
  process.on('SIGINT', onEnd).on('SIGTERM', onEnd).on('SIGHUP', onHangup)
  return {
    first: first.promise,
    again: again.promise,
    onHangup: (action) => void hangups.push(action),
    stop: () => void process.off('SIGINT', onEnd).off('SIGTERM', onEnd).off('SIGHUP', onHangup),
  }
}
