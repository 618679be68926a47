/**
 * Reads one answer out of the bytes of a connection, in whatever pieces they come, and tells the exchange of it.
 *
 * @module
 */
import { MOST_HEAD, readHead, type AnswerHead } from './answer-head.ts'
import { Chunks } from './chunks.ts'
import type { Exchange } from './exchange.ts'

/** `surplus`: the answer is over, and more has come than it. `malformed`: `fault` says why. */
export type Progress = 'more' | 'done' | 'surplus' | 'malformed'

/** Bytes of a body that go on as text together with their head. */
const MOST_WHOLE = 16 * 1024
const BEGINNING = 'HTTP/1.'

export class AnswerReader {
  /** Bytes of an answer have come. */
  answering = false
  /** What is wrong with the answer. */
  fault = ''
  /** Whether the connection may serve another request, as far as the answer goes. */
  persistent = true
  /** Seconds that the service keeps the connection idle, where it has said so. */
  keepAlive: number | undefined
  /** Undefined when nobody listens. */
  #exchange: Exchange | undefined
  /** What has come of a head. */
  #text = ''
  #inBody = false
  /** Bytes left of the body; Infinity until the connection closes. */
  #left = 0
  #chunks: Chunks | undefined

  /** From now on it is the answer to this that comes. */
  expect(exchange: Exchange): void {
    this.#exchange = exchange
    this.answering = false
    this.persistent = true
    this.#inBody = false
    this.#chunks = undefined
  }

  /** Nobody is told any more. */
  stop(): void {
    this.#exchange = undefined
  }

  /** Whether the answer is whole when the connection ends here (RFC 9112 §6.3, item 8). */
  get endsHere(): boolean {
    return this.#inBody && this.#left === Infinity && this.#chunks === undefined
  }

  /** Takes the first so many bytes; those that go on are copied. */
  take(bytes: Buffer, count: number): Progress {
    this.answering = true
    const exchange = this.#exchange
    if (exchange === undefined) return 'more'
    return this.#inBody ? this.#takeBody(exchange, bytes.subarray(0, count)) : this.#takeHeads(exchange, bytes, count)
  }

  #takeHeads(exchange: Exchange, bytes: Buffer, count: number): Progress {
    let from = Math.max(0, this.#text.length - 3) // what comes in single bytes is not searched from its beginning each time
    let text = this.#text + bytes.toString('latin1', 0, count)
    this.#text = ''
    while (this.#exchange !== undefined) {
      const end = text.indexOf('\r\n\r\n', from) + 2
      if (end === 1) return this.#awaitHead(text)
      const head = end > MOST_HEAD ? 'a head that is too large' : readHead(text, end)
      if (typeof head === 'string') return this.#refuse(head)
      if (head.status === 101) return this.#refuse('101 to a request without upgrade')
      text = text.slice(end + 2)
      from = 0
      if (head.status >= 200)
        return this.#begin(head, text) ?? this.#takeBody(exchange, bytes.subarray(count - text.length, count))
      if (!head.persistent) return this.#refuse('an interim answer that closes the connection')
      exchange.interim(head.status, head.fields)
    }
    return 'more'
  }

  #awaitHead(text: string): Progress {
    if (text.length > MOST_HEAD) return this.#refuse('a head that is too large')
    if (!BEGINNING.startsWith(text.slice(0, BEGINNING.length))) return this.#refuse('no status line of HTTP/1.1')
    this.#text = text
    return 'more'
  }

  #refuse(fault: string): Progress {
    this.fault = fault
    return 'malformed'
  }

  /**
   * @param text what has come behind the head
   * @returns undefined when that is part of a body that goes on as bytes
   */
  #begin(head: AnswerHead, text: string): Progress | undefined {
    const exchange = this.#exchange
    if (exchange === undefined) return 'more'
    const { status, framing } = head
    const framed = exchange.head.method === 'HEAD' || status === 204 || status === 304 ? 0 : framing
    // where a head tells of a body that there must not be, one may follow all the same
    this.persistent = head.persistent && framed !== 'close' && (framed === framing || framing === 'close')
    this.keepAlive = head.keepAlive
    if (typeof framed === 'number' && framed <= text.length && framed <= MOST_WHOLE) {
      exchange.answered(head, text.length === framed ? text : text.slice(0, framed), false)
      return text.length === framed ? 'done' : 'surplus'
    }
    this.#inBody = true
    this.#left = typeof framed === 'number' ? framed : Infinity
    this.#chunks = framed === 'chunked' ? new Chunks((part) => this.#exchange?.data(Buffer.from(part))) : undefined
    exchange.answered(head, undefined, text.length > 0)
    return text.length > 0 ? undefined : 'more'
  }

  #takeBody(exchange: Exchange, bytes: Buffer): Progress {
    const chunks = this.#chunks
    if (chunks !== undefined) {
      const taken = chunks.take(bytes)
      if (typeof taken === 'string') return this.#refuse(taken)
      if (chunks.trailers === undefined) return 'more'
      this.#exchange?.ended(chunks.trailers)
      return taken === bytes.length ? 'done' : 'surplus'
    }
    const part = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes
    this.#left -= part.length
    exchange.data(Buffer.from(part))
    if (this.#left > 0) return 'more'
    this.#exchange?.ended([])
    return part.length === bytes.length ? 'done' : 'surplus'
  }
}
