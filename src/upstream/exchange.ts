/**
 * What a caller hands over to have a request sent, and what it is told of the answer.
 *
 * @module
 */
import type { AnswerHead, Fields } from './answer-head.ts'
import type { UpstreamError } from './upstream-error.ts'

/** A request without its body. */
export interface RequestHead {
  readonly method: string
  /** In origin-form. */
  readonly path: string
  readonly host: string
  /** Names and values in turn, besides `Host`, framing and what concerns the connection. */
  readonly fields: readonly string[]
  /** Bytes of the body; 0 without one. */
  readonly body: number | 'chunked'
}

/** Where the bytes of a request's body come from. */
export interface Body {
  /** The connection is there: bytes are wanted. Called once. */
  begin(sink: BodySink): void
  /** There is room for more, after a `write` that said there was none. */
  resume(): void
}

/** Where they go to. */
export interface BodySink {
  /** Sends some; false: no more until `resume`. */
  write(chunk: Buffer): boolean
  end(): void
}

/** The connection that an exchange is on. What comes from an exchange that it is no longer on does nothing. */
export interface Line {
  /** No more data for now, but for what has been read already. */
  pause(exchange: Exchange): void
  resume(exchange: Exchange): void
  /** Cuts the connection; the exchange is told nothing more. */
  abort(exchange: Exchange): void
}

/** One request and its answer: made by the caller, called by the pool. */
export interface Exchange {
  readonly head: RequestHead
  /** Absent when `head.body` is 0. */
  readonly body: Body | undefined
  /** A connection is free: from here on the service may have seen the request. False: it is no longer wanted. */
  begun(line: Line): boolean
  /** Some of the request is out; it may come as seldom as once. */
  sent(): void
  /** A 1xx answer. */
  interim(status: number, fields: Fields): void
  /**
   * The head of the answer.
   *
   * @param whole the body as latin1 text, when all of it is there: nothing but this is told then
   * @param more whether some of the body has come too, and is told at once
   */
  answered(head: AnswerHead, whole: string | undefined, more: boolean): void
  /** Some of the body, in a buffer that the caller may keep. */
  data(chunk: Buffer): void
  /** The end of an answer whose body was not told whole; with the fields of its trailer section. */
  ended(trailers: Fields): void
  /** The exchange failed; nothing more is told. */
  failed(error: UpstreamError): void
}
