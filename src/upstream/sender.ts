/**
 * The body of a request on its way onto a connection, framed as its head says.
 *
 * @module
 */
import type { Socket } from 'node:net'

import type { Body, BodySink } from './exchange.ts'

const SHORT = 8192 // bytes: as text, these go out in one plain write with what surrounds them

/** What the connection is told of it. */
export interface SenderEvents {
  sent(): void
  /** There are more or fewer bytes than the head has announced. */
  mismatch(): void
}

export class Sender implements BodySink {
  /** True once all of it is out. */
  finished = false
  #socket: Socket
  #body: Body
  #events: SenderEvents
  /** Waits for the first bytes, to go out along with them. */
  #head: string
  #chunked: boolean
  /** Bytes announced and not sent; Infinity in chunks. */
  #left: number
  #stopped = false

  /** @param head the request's, as text */
  constructor(
    socket: Socket,
    head: string,
    body: Body,
    { length, ...events }: SenderEvents & { length: number | 'chunked' },
  ) {
    this.#socket = socket
    this.#head = head
    this.#body = body
    this.#events = events
    this.#chunked = length === 'chunked'
    this.#left = length === 'chunked' ? Infinity : length
  }

  /** Asks for the body; the head goes alone when the client has sent nothing so far. */
  begin(): void {
    this.#body.begin(this)
    process.nextTick(() => this.#flush())
  }

  /** The connection has room again. */
  resume(): void {
    if (!this.finished && !this.#stopped) this.#body.resume()
  }

  /** Takes no more. */
  stop(): void {
    this.#stopped = true
  }

  write(chunk: Buffer): boolean {
    if (this.#stopped || chunk.length === 0) return true
    this.#left -= chunk.length
    if (this.#left < 0) {
      this.#events.mismatch()
      return true
    }
    const before = this.#takeHead() + (this.#chunked ? `${chunk.length.toString(16)}\r\n` : '')
    this.#put(before, chunk, this.#chunked ? '\r\n' : '')
    this.#events.sent()
    return !this.#socket.writableNeedDrain
  }

  end(): void {
    if (this.#stopped) return
    if (this.#left > 0 && !this.#chunked) {
      this.#events.mismatch()
      return
    }
    const last = this.#takeHead() + (this.#chunked ? '0\r\n\r\n' : '')
    if (last !== '') this.#socket.write(last, 'latin1')
    this.finished = true
    this.#events.sent()
  }

  #put(before: string, chunk: Buffer, after: string): void {
    const socket = this.#socket
    if (chunk.length <= SHORT) {
      socket.write(before + chunk.toString('latin1') + after, 'latin1')
      return
    }
    socket.cork()
    if (before !== '') socket.write(before, 'latin1')
    socket.write(chunk)
    if (after !== '') socket.write(after, 'latin1')
    socket.uncork()
  }

  #flush(): void {
    if (!this.#stopped && this.#head !== '') this.#socket.write(this.#takeHead(), 'latin1')
  }

  #takeHead(): string {
    const head = this.#head
    this.#head = ''
    return head
  }
}

/**
 * Lets a connection be read to its end although a write has failed. A service that answers early may close before the
 * whole body is out: its answer has arrived then, and node:net would throw it away along with the connection.
 */
export function outliveWrites(socket: Socket): void {
  const write = socket._write.bind(socket)
  const writev = socket._writev?.bind(socket)
  type Done = (error?: Error | null) => void
  // a write that has failed never ends; the connection does, as soon as there is nothing more to read
  const unlessLost =
    (done: Done): Done =>
    (error) =>
      isLost(error) || done(error)
  socket._write = (data, encoding, done) => write(data, encoding, unlessLost(done))
  if (writev !== undefined) socket._writev = (chunks, done) => writev(chunks, unlessLost(done))
}

function isLost(error: Error | null | undefined): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET')
}
