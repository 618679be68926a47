/**
 * The body of a request on its way upstream.
 *
 * undici destroys the stream it is given when the upstream answers early or breaks off. Were that the request itself,
 * the client's connection would go down with it, before the answer is out; so this stands between them.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

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

export class Upload extends Readable {
  /** True while the upstream waits for the client. */
  starving = false
  #request: IncomingMessage
  #options: UploadOptions
  #patience: Patience
  #size = 0
  #begun = false

  constructor(request: IncomingMessage, options: UploadOptions) {
    super({ highWaterMark: 64 * 1024 })
    this.#request = request
    this.#options = options
    this.#patience = new Patience(options.pace)
    this.on('error', () => {}) // undici destroys it with an error it also reports to the handler
  }

  override _read(): void {
    this.starving = true
    this.#options.waits(this.#patience.begin(performance.now()))
    if (!this.#begun) {
      this.#begun = true
      this.#options.begin()
      this.#request.on('data', this.#onData).on('end', this.#onEnd)
    }
    this.#request.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#detach()
    callback(error)
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
    if (!this.push(chunk)) this.#request.pause()
  }

  #onEnd = (): void => {
    this.#fed()
    this.push(null)
  }
}
