/**
 * An exchange that keeps what it is told: the caller of a pool without a gateway around it.
 *
 * @module
 */
import type { AnswerHead, Fields } from '#upstream/answer-head.ts'
import type { Body, BodySink, Exchange, Line, RequestHead } from '#upstream/exchange.ts'
import type { UpstreamError } from '#upstream/upstream-error.ts'

/** How an exchange ended: with an answer, or as an error. */
export interface Ending {
  readonly status: number
  readonly fields: Fields
  readonly body: string
  readonly trailers: Fields
  /** Statuses of the 1xx answers before it. */
  readonly interim: readonly number[]
  readonly error: UpstreamError | undefined
}

export class Recorded implements Exchange {
  readonly head: RequestHead
  readonly body: Body | undefined
  /** Set once it is on a connection. */
  line: Line | undefined
  answer: AnswerHead | undefined
  /** Bytes of the body so far. */
  size = 0
  /** What it is told, in order, for those who look at the order. */
  readonly events: string[] = []
  /** Resolves when it is over, whatever way. */
  readonly over: Promise<Ending>
  /** Called with each part of a body that is not kept then. */
  onData: ((chunk: Buffer) => void) | undefined
  /** Whether it is still wanted when its turn comes. */
  wanted = true
  #interim: number[] = []
  #parts: Buffer[] = []
  #settle: (ending: Ending) => void

  constructor(head: Partial<RequestHead> = {}, body?: Body) {
    this.head = { method: 'GET', path: '/', host: 'a', fields: [], body: 0, ...head }
    this.body = body
    const { promise, resolve } = Promise.withResolvers<Ending>()
    this.over = promise
    this.#settle = resolve
  }

  begun(line: Line): boolean {
    this.events.push('begun')
    this.line = line
    return this.wanted
  }

  sent(): void {
    this.events.push('sent')
  }

  interim(status: number): void {
    this.events.push(`interim ${status}`)
    this.#interim.push(status)
  }

  answered(head: AnswerHead, whole: string | undefined): void {
    this.events.push(`answered ${head.status}`)
    this.answer = head
    if (whole === undefined) return
    this.#parts.push(Buffer.from(whole, 'latin1'))
    this.#end([])
  }

  data(chunk: Buffer): void {
    this.size += chunk.length
    if (this.onData === undefined) this.#parts.push(chunk)
    else this.onData(chunk)
  }

  ended(trailers: Fields): void {
    this.#end(trailers)
  }

  failed(error: UpstreamError): void {
    this.events.push(`failed ${error.kind}`)
    this.#end([], error)
  }

  #end(trailers: Fields, error?: UpstreamError): void {
    this.events.push('over')
    this.#settle({
      status: this.answer?.status ?? 0,
      fields: this.answer?.fields ?? [],
      body: Buffer.concat(this.#parts).toString('latin1'),
      trailers,
      interim: this.#interim,
      error,
    })
  }
}

/** A body that is sent at once, part by part, as fast as there is room. */
export function bodyOf(parts: readonly Buffer[]): Body & { readonly written: number } {
  let sink: BodySink | undefined
  let next = 0
  const feed = () => {
    while (next < parts.length) {
      const part = parts[next] ?? Buffer.alloc(0)
      next += 1
      if (sink?.write(part) === false) return
    }
    sink?.end()
    sink = undefined
  }
  return {
    get written() {
      return next
    },
    begin(to) {
      sink = to
      feed()
    },
    resume: feed,
  }
}
