/**
 * Sinks: where the lines of a log go, with a bound on what is held and an end to every wait.
 *
 * @module
 */
import { once } from 'node:events'
import { constants, fstatSync, openSync } from 'node:fs'

import { pino } from 'pino'

import { escapeInvisible } from './json.ts'
import type { Metrics } from './metrics.ts'
import { Pipe, shortened } from './pipe.ts'

export interface SinkOptions {
  /** File descriptor; standard output unless told otherwise. */
  readonly fd?: number
  readonly metrics: Pick<Metrics, 'logDropped'>
  /** Bytes to gather before a write. */
  readonly batch?: number
  /** Most bytes of a write. */
  readonly most?: number
  /** Bytes that may wait for a slow reader before lines are dropped. */
  readonly capacity?: number
}

export interface Sink {
  /** Takes a finished line, with its newline. */
  readonly line: (json: string) => void
  /** What pino calls; its own escaping leaves C1 controls and line separators as they are. */
  readonly write: (json: string) => void
  /** Asks for what is held to be written now; returns at once. */
  readonly flush: () => void
  /** Writes what is held, waiting for a slow reader for a second at most; later lines are dropped. */
  readonly close: () => Promise<void>
}

const BATCH = 64 * 1024
const CAPACITY = 1024 * 1024
const FLUSH_EVERY = 500 // milliseconds: lines show up soon at low traffic too
const PATIENCE = 1000 // milliseconds a reader may pause at the end of the process

/**
 * Where several processes write. What a pipe keeps together is little, what a socket does is some 36 KiB (unix(7)), and
 * a file or terminal takes batches whole.
 */
export function createSharedSink(options: SinkOptions): Sink {
  const { fd = 1, metrics, capacity = CAPACITY } = options
  const own = withoutWaiting(fd)
  if (own === undefined) return fstatSync(fd).isSocket() ? createSocketSink(options) : createSink(options)
  const dropped = (lines: string) => countDropped(metrics, lines)
  const pipe = new Pipe({ fd: own, capacity, patience: PATIENCE, dropped })
  const timer = setInterval(() => pipe.flush(), FLUSH_EVERY).unref()
  return {
    line: (json) => pipe.line(json),
    write: written(
      (json) => pipe.line(json),
      () => pipe.flush(),
    ),
    flush: () => pipe.flush(),
    close() {
      clearInterval(timer)
      return pipe.close()
    },
  }
}

/** A batch has at most three bytes for each of its characters, and ends with a line of at most 4 KiB. */
function createSocketSink(options: SinkOptions): Sink {
  const sink = createSink({ ...options, batch: 6 * 1024, most: 32 * 1024 })
  const line = (json: string) => sink.line(shortened(json))
  return { ...sink, line, write: written(line, sink.flush) }
}

/** What pino writes tells of changes, and is out by the end of the turn: a process that dies leaves the reason. Access lines wait. */
function written(line: (json: string) => void, flush: () => void): Sink['write'] {
  let isDue = false
  return (json) => {
    line(escapeInvisible(json))
    if (isDue) return
    isDue = true
    setImmediate(() => {
      isDue = false
      flush()
    })
  }
}

function countDropped(metrics: Pick<Metrics, 'logDropped'>, lines: string): void {
  metrics.logDropped.inc(lines.split('\n').length - 1)
}

/** pino's buffered writer, with an end to every wait. */
export function createSink(options: SinkOptions): Sink {
  const { metrics, batch = BATCH } = options
  let gone = false // the reader, or the destination
  let waitingSince: number | undefined
  const stalled = () => waitingSince !== undefined && performance.now() - waitingSince > PATIENCE
  const destination = openDestination(options, () => !stalled()) // later it is tried with the next batch

  // pino's writer measures and flattens all it holds on every write, so lines are gathered here and handed over by the batch.
  let gathered = ''
  const handOver = () => {
    const lines = gathered
    gathered = ''
    if (gone) dropped(lines)
    else if (lines !== '') {
      waitingSince ??= performance.now()
      writeBytes(destination, lines)
    }
  }
  const dropped = (lines: string | Buffer) => countDropped(metrics, lines.toString())
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
    write: written(line, flush),
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

/** @param retry whether to wait for a reader that takes nothing */
function openDestination(options: SinkOptions, retry: () => boolean) {
  const { fd = 1, batch = BATCH, capacity = CAPACITY, most = 4 * batch } = options
  return pino.destination({
    fd: withoutWaiting(fd) ?? fd,
    sync: false,
    contentMode: 'buffer',
    minLength: batch,
    maxWrite: most,
    maxLength: capacity,
    retryEAGAIN: retry,
  })
}

/** Text would be measured, copied and encoded on the way; that `contentMode` asks for bytes, the types do not know. */
function writeBytes(destination: { write(text: string): boolean }, text: string): void {
  destination.write(Buffer.from(text) as unknown as string)
}

/**
 * The same pipe, opened anew so that a write to a full one fails instead of waiting:
 * a write that waits holds a thread, and at the end the whole process, for as long as its reader stalls.
 *
 * @returns undefined for what is no pipe, or not ours to open
 */
function withoutWaiting(fd: number): number | undefined {
  try {
    if (!fstatSync(fd).isFIFO()) return undefined
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return undefined // not Linux, or not allowed
  }
}
