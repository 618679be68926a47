/**
 * The process as commands see it: standard streams, environment, clock and signals.
 *
 * @module
 */
import type { Io, Signals } from './command.ts'

/** Milliseconds in which a second signal is the first one told twice: by the terminal to the whole group, and by npm to its child. */
const ECHO = 250

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

function processSignals(): Signals {
  const first = Promise.withResolvers<string>()
  const again = Promise.withResolvers<string>()
  let firstAt = Infinity
  const onEnd = (signal: string) => {
    const now = performance.now()
    if (now - firstAt > ECHO) again.resolve(signal)
    firstAt = Math.min(firstAt, now)
    first.resolve(signal)
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
