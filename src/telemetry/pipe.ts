/**
 * Lines of several processes in one pipe. The system keeps the bytes of one write together only up to `PIPE_BUF`
 * (pipe(7)), so every write is at most that much, and ends with a line.
 *
 * Written at once and by this thread: a write to a pipe that never waits costs 2 µs, and handing it to another thread ten
 * times as much, which a write for every sixteen lines would add to each request.
 *
 * @module
 */
import { writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** Bytes that Linux writes to a pipe as a whole, or not at all. */
const PIPE_BUF = 4096

export interface PipeOptions {
  /** A pipe that fails instead of waiting when it is full. */
  readonly fd: number
  /** Bytes that may wait for a slow reader before lines are dropped. */
  readonly capacity: number
  /** Milliseconds a reader may pause at the end of the process. */
  readonly patience: number
  /** Told of every line that is dropped. */
  readonly dropped: (lines: string) => void
}

const RETRY_EVERY = 5 // milliseconds

/** Writes to a pipe that others write to. */
export class Pipe {
  readonly #options: PipeOptions
  readonly #retrying: NodeJS.Timeout
  readonly #atExit = () => this.#endNow()
  /** What the reader has not let in yet, and its bytes. */
  readonly #waiting: string[] = []
  #held = 0
  #gathered = ''
  #bytes = 0
  /** No more is written. */
  #isOver = false

  constructor(options: PipeOptions) {
    this.#options = options
    this.#retrying = setInterval(() => this.#drain(), RETRY_EVERY).unref()
    process.once('exit', this.#atExit)
  }

  /** Takes a line, with its newline. */
  line(json: string): void {
    const line = shortened(json)
    const size = Buffer.byteLength(line)
    if (this.#isOver) return this.#options.dropped(line)
    if (this.#bytes + size > PIPE_BUF) this.flush()
    this.#gathered += line
    this.#bytes += size
  }

  /** Writes what it holds, as far as the reader lets it. */
  flush(): void {
    const piece = this.#gathered
    const size = this.#bytes
    this.#gathered = ''
    this.#bytes = 0
    if (size === 0 || (this.#drain() && this.#put(piece))) return
    if (this.#isOver || this.#held + size > this.#options.capacity) return this.#options.dropped(piece)
    this.#held += size
    this.#waiting.push(piece)
  }

  /** As `flush`, but waits for a slow reader; later lines are dropped. */
  async close(): Promise<void> {
    const end = performance.now() + this.#options.patience
    this.flush()
    while (!this.#drain() && performance.now() < end) await pause(RETRY_EVERY)
    clearInterval(this.#retrying)
    process.off('exit', this.#atExit)
    this.#isOver = true
  }

  /** A process that ends by itself has a moment for its last lines: they tell why. */
  #endNow(): void {
    const clock = new Int32Array(new SharedArrayBuffer(4))
    const end = performance.now() + this.#options.patience
    this.flush()
    while (!this.#drain() && performance.now() < end) Atomics.wait(clock, 0, 0, RETRY_EVERY)
  }

  /** True when nothing waits any more. */
  #drain(): boolean {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#put(next)) return false
      this.#held -= Buffer.byteLength(next)
      this.#waiting.shift()
    }
    return true
  }

  /** False when the reader has to be waited for. */
  #put(piece: string): boolean {
    try {
      if (!this.#isOver) writeSync(this.#options.fd, piece)
    } catch (error) {
      const isGone = (error as NodeJS.ErrnoException).code === 'EPIPE'
      if (!isGone) return false
      this.#isOver = true
    }
    if (this.#isOver) this.#options.dropped(piece)
    return true
  }
}

/** A JSON line of at most `PIPE_BUF` bytes: a longer one has its longest values cut, which `cut` tells. */
export function shortened(line: string): string {
  if (line.length <= PIPE_BUF && Buffer.byteLength(line) <= PIPE_BUF) return line
  const parsed: unknown = JSON.parse(line)
  for (const longest of [1024, 256, 64]) {
    const text = `${JSON.stringify({ ...Object(parsed), cut: true }, (_, value: unknown) => shorter(value, longest))}\n`
    if (Buffer.byteLength(text) <= PIPE_BUF) return text
  }
  return '{"level":"error","msg":"line too long"}\n'
}

function shorter(value: unknown, longest: number): unknown {
  return typeof value === 'string' && value.length > longest ? `${value.slice(0, longest).toWellFormed()}…` : value
}
