/**
 * The log: one JSON line per event on standard output, written by pino without blocking the request path.
 *
 * `msg` is constant, facts are fields. No token, cookie, key, query string or body ever goes into a field.
 * A reader that stalls or goes away costs lines, never requests: what does not fit the buffer is dropped and counted.
 *
 * @module
 */
import { pino } from 'pino'

import { createSharedSink, createSink, type SinkOptions } from './sink.ts'

/** What the rest of the code knows of a logger: pino's own shape, fields first. */
export interface Logger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** Says nothing: for tests and for commands whose output is for people. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** The logger of a process, and the end of its life. */
export interface ProcessLogger extends Logger {
  /** Writes a finished JSON line (with its newline), as `access.ts` builds them; only when `info` is logged at all. */
  line(json: string): void
  /** Asks for what is buffered to be written now; returns at once. */
  flush(): void
  /** Writes what is buffered, waiting for a slow reader for a second at most; later lines are dropped. */
  close(): Promise<void>
}

export interface LoggerOptions extends SinkOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** Whether other processes write there too; then lines are kept whole among theirs. */
  readonly among?: boolean
  /** Number of this process among them, on every line. */
  readonly worker?: number | undefined
}

/** Makes the logger of a process. */
export function createLogger(options: LoggerOptions): ProcessLogger {
  const { level, worker } = options
  const sink = options.among === true ? createSharedSink(options) : createSink(options)
  const base = worker === undefined ? null : { worker }
  const line = worker === undefined ? sink.line : (json: string) => sink.line(`{"worker":${worker},${json.slice(1)}`)
  const log = pino({ level, base, formatters: { level: (label) => ({ level: label }) } }, sink)
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    line: log.isLevelEnabled('info') ? line : () => undefined,
    flush: sink.flush,
    close: sink.close,
  }
}
