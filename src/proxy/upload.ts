/**
 * The body of a request on its way upstream: what the client sends, when the service has room for it.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'

import type { Body, BodySink } from '#upstream/exchange.ts'

import { Patience, type Pace } from './pace.ts'

export interface UploadOptions {
  /** Most bytes; matters for bodies of unknown length. */
  readonly most: number
  /** How slow the client may be. */
  readonly pace: Pace | undefined
  /** Called once, when the upstream is there and the first bytes are wanted. */
  readonly begin: () => void
  /** Called when the upstream begins to wait for the client, with the milliseconds it may; with Infinity when it no longer does. */
  readonly waits: (milliseconds: number) => void
  /** Called once, when there are more bytes than allowed. */
  readonly tooLarge: () => void
}

export class Upload implements Body {
  /** True while the upstream waits for the client. */
  starving = false
  /** True once all of it has been handed on. */
  finished = false
  #request: IncomingMessage
  #options: UploadOptions
  #patience: Patience
  #size = 0
  #sink: BodySink | undefined

  constructor(request: IncomingMessage, options: UploadOptions) {
    this.#request = request
    this.#options = options
    this.#patience = new Patience(options.pace)
  }

  begin(sink: BodySink): void {
    this.#sink = sink
    this.#options.begin()
    this.#request.on('data', this.#onData).on('end', this.#onEnd)
    this.resume()
  }

  resume(): void {
    this.#wait()
    this.#request.resume()
  }

  /** Lets go of the request; what is left of its body is read and thrown away. */
  release(): void {
    this.#detach()
    this.#request.resume()
  }

  #detach(): void {
    this.#fed()
    this.#request.off('data', this.#onData).off('end', this.#onEnd)
  }

  #wait(): void {
    this.starving = true
    this.#options.waits(this.#patience.begin(performance.now()))
  }

  #fed(): void {
    if (this.starving) this.#options.waits(Infinity)
    this.starving = false
  }

  #onData = (chunk: Buffer): void => {
    this.#size += chunk.length
    if (this.#size > this.#options.most) {
      this.#detach()
      this.#request.pause()
      this.#options.tooLarge()
      return
    }
    this.#fed()
    this.#patience.earn(chunk.length, performance.now())
    if (this.#sink?.write(chunk) === false) this.#request.pause()
    else this.#wait()
  }

  #onEnd = (): void => {
    this.#fed()
    this.finished = true
    this.#sink?.end()
  }
}
