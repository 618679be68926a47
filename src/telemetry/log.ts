/**
 * The log: one JSON line per event on standard output, written by pino without blocking the request path.
 *
 * `msg` is constant, facts are fields. No token, cookie, key, query string or body ever goes into a field.
 * A reader that stalls or goes away costs lines, never requests: what does not fit the buffer is dropped and counted.
 *
 * @module
 */
import { once } from 'node:events'
import { constants, fstatSync, openSync } from 'node:fs'

import { pino } from 'pino'

import { escapeInvisible } from './json.ts'
import type { Metrics } from './metrics.ts'
import { PIPE_BUF, wholeLines } from './whole-lines.ts'

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

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** File descriptor; standard output unless told otherwise. */
  readonly fd?: number
  readonly metrics: Pick<Metrics, 'logDropped'>
  /** Bytes to gather before a write. */
  readonly batch?: number
  /** Bytes that may wait for a slow reader before lines are dropped. */
  readonly capacity?: number
  /** Whether other processes write there too; then lines are kept whole among theirs. */
  readonly among?: boolean
  /** Number of this process among them, on every line. */
  readonly worker?: number | undefined
}

const FLUSH_EVERY = 500 // milliseconds: lines show up soon at low traffic too
const PATIENCE = 1000 // milliseconds a reader may pause at the end of the process

/** Makes the logger of a process. */
export function createLogger(options: LoggerOptions): ProcessLogger {
  const { level, worker } = options
  const sink = createSink(options)
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

/** pino's buffered writer, with an end to every wait. */
function createSink({ fd = 1, metrics, batch = 64 * 1024, capacity = 1024 * 1024, among = false }: LoggerOptions) {
  let gone = false // the reader, or the destination
  let waitingSince: number | undefined
  const stalled = () => waitingSince !== undefined && performance.now() - waitingSince > PATIENCE
  const destination = pino.destination({
    fd: withoutWaiting(fd),
    sync: false,
    contentMode: 'buffer',
    minLength: among ? 1 : batch,
    maxWrite: among ? PIPE_BUF : 4 * batch,
    maxLength: capacity,
    retryEAGAIN: () => !stalled(), // later it is tried with the next batch
  })

  // pino's writer measures and flattens all it holds on every write, so lines are gathered here and handed over by the batch.
  let gathered = ''
  const handOver = () => {
    const lines = gathered
    gathered = ''
    if (gone) dropped(lines)
    else if (lines !== '') {
      waitingSince ??= performance.now()
      for (const piece of among ? wholeLines(lines) : [lines]) writeBytes(destination, piece)
    }
  }
  const dropped = (lines: string | Buffer) => metrics.logDropped.inc(lines.toString().split('\n').length - 1)
  const flush = () => {
    handOver()
    if (!gone) destination.flush()
  }
  const timer = setInterval(flush, FLUSH_EVERY).unref()

  destination.on('drop', dropped)
  destination.on('write', () => (waitingSince = undefined))
  // EPIPE: the reader is gone for good. Anything else (a full disk) is tried again with the next batch.
  destination.on('error', (error: NodeJS.ErrnoException) => (gone ||= error.code === 'EPIPE'))

  // pino flushes once more when the process exits, with a blocking write: a stalled reader would hold the process for ever.
  const flushSync = destination.flushSync.bind(destination)
  destination.flushSync = () => {
    if (gone || stalled()) return
    handOver()
    try {
      flushSync()
    } catch {
      // the reader stalled meanwhile
    }
  }

  const line = (json: string): void => {
    gathered += json
    if (gone || gathered.length >= batch) handOver()
  }

  return {
    line,
    /** What pino calls; its own escaping leaves C1 controls and line separators as they are. */
    write: (json: string) => line(escapeInvisible(json)),
    flush,
    close: async () => {
      if (gone) return
      clearInterval(timer)
      handOver()
      const ended = once(destination, 'close', { signal: AbortSignal.timeout(PATIENCE) })
      destination.end()
      gone = true
      await ended.catch(() => destination.destroy())
    },
  }
}

/** Text would be measured, copied and encoded on the way; that `contentMode` asks for bytes, the types do not know. */
function writeBytes(destination: { write(text: string): boolean }, text: string): void {
  destination.write(Buffer.from(text) as unknown as string)
}

/**
 * The same pipe, opened anew so that a write to a full one fails instead of waiting:
 * a write that waits holds a thread, and at the end the whole process, for as long as its reader stalls.
 */
function withoutWaiting(fd: number): number {
  try {
    return fstatSync(fd).isFIFO() ? openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK) : fd
  } catch {
    return fd // not Linux, or a pipe that is not ours to open
  }
}
