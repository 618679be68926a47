/**
 * One connection to a service: requests one after another, each with its answer, and nothing that nobody asked for.
 *
 * @module
 */
import type { Socket } from 'node:net'

import { AnswerReader } from './answer-reader.ts'
import { connect, type Origin, type Sessions } from './connect.ts'
import type { Exchange, Line } from './exchange.ts'
import { writeHead } from './request-head.ts'
import { outliveWrites, Sender } from './sender.ts'
import { atEndOfTurn, type Due } from './turn.ts'
import { UpstreamError, type FailureKind } from './upstream-error.ts'

/** The pool, as its connections see it. */
export interface Owner {
  readonly origin: Origin
  readonly sessions: Sessions
  /** Whether connections serve more than one request. */
  readonly keeps: boolean
  /** It can take an exchange. */
  free(connection: Connection): void
  /** It did not come about. */
  unopened(connection: Connection, error: UpstreamError): void
  /** It has ended; `unsent` was still to go out on it. */
  closed(connection: Connection, unsent: Exchange | undefined): void
}

/** Every connection reads into the same buffer: what outlives the call that brings it is copied. */
const incoming = Buffer.allocUnsafeSlow(64 * 1024)

export class Connection implements Line, Due {
  /** When it will have been idle for too long, by the clock of the pool, which sets it. */
  idleUntil = 0
  #owner: Owner
  #socket: Socket
  #exchange: Exchange | undefined
  /** The request is on its way, in part at least. */
  #begun = false
  #reader = new AnswerReader()
  #sender: Sender | undefined
  #outlivesWrites = false
  #used = false
  /** Whether it may serve another request after this one, as far as the request goes. */
  #persistent = true
  #paused = false
  #closed = false

  constructor(owner: Owner) {
    this.#owner = owner
    this.#socket = connect(owner.origin, owner.sessions, {
      onread: { buffer: incoming, callback: (count) => this.#onRead(count) },
      connected: () => this.#onConnected(),
      failed: (error) => {
        if (this.#closed) return
        this.#closed = true
        owner.unopened(this, error)
      },
    })
  }

  /** Seconds that the service keeps it idle, where it has said so. */
  get keepAlive(): number | undefined {
    return this.#reader.keepAlive
  }

  /** Sends the request of an exchange and tells it of the answer. */
  take(exchange: Exchange): void {
    this.#exchange = exchange
    if (this.#used) atEndOfTurn(this)
    else this.proceed()
  }

  proceed(): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    this.#persistent = this.#owner.keeps && exchange.head.method !== 'HEAD' // some services send HEAD a body, late
    let text: string
    try {
      text = writeHead(exchange.head, this.#persistent)
    } catch (error) {
      this.#release()
      exchange.failed(new UpstreamError('unfit', String(error)))
      return
    }
    try {
      if (exchange.begun(this)) this.#send(exchange, text)
      else this.#release()
    } catch (defect) {
      this.#begun = true
      this.#fail('defect', String(defect)) // of this exchange alone: others go out in the same turn
    }
  }

  pause(exchange: Exchange): void {
    if (exchange === this.#exchange) this.#paused = true
  }

  resume(exchange: Exchange): void {
    if (exchange === this.#exchange) this.#readOn()
  }

  abort(exchange: Exchange): void {
    if (exchange === this.#exchange) this.destroy()
  }

  /** Cuts it; the exchange on it is told nothing, one that was still to go out is the pool's again. */
  destroy(): void {
    if (this.#closed) return
    const unsent = this.#begun ? undefined : this.#exchange
    this.#closed = true
    this.#exchange = undefined
    this.#reader.stop()
    this.#sender?.stop()
    this.#socket.destroy()
    this.#owner.closed(this, unsent)
  }

  #onConnected(): void {
    this.#socket.on('end', () => this.#onEnd())
    this.#socket.on('error', (error) => this.#lost(error.message, error))
    this.#socket.on('close', () => this.#lost('the connection was closed'))
    this.#owner.free(this)
  }

  #send(exchange: Exchange, text: string): void {
    this.#used = true
    this.#begun = true
    this.#reader.expect(exchange)
    if (exchange.body === undefined) {
      this.#socket.write(text, 'latin1')
      exchange.sent()
      return
    }
    if (!this.#outlivesWrites) {
      this.#outlivesWrites = true
      outliveWrites(this.#socket)
      this.#socket.on('drain', () => this.#sender?.resume())
    }
    this.#sender = new Sender(this.#socket, text, exchange.body, {
      length: exchange.head.body,
      sent: () => exchange.sent(),
      mismatch: () => this.#fail('mismatch', 'a body that is not as long as announced'),
    })
    this.#sender.begin()
  }

  #onRead(count: number): boolean {
    if (this.#closed) return false
    if (!this.#begun) {
      this.destroy()
      return false
    }
    try {
      const progress = this.#reader.take(incoming, count)
      if (progress === 'malformed') this.#fail('malformed', this.#reader.fault)
      else if (progress !== 'more') this.#end(progress === 'surplus')
    } catch (defect) {
      this.#fail('defect', String(defect)) // of this exchange alone
    }
    return !this.#paused
  }

  /** @param surplus whether more has come than the answer: it must not be anybody's */
  #end(surplus: boolean): void {
    const whole = this.#sender?.finished ?? true
    if (surplus || !whole || !this.#persistent || !this.#reader.persistent) this.destroy()
    else if (!this.#closed) this.#release()
  }

  #release(): void {
    this.#exchange = undefined
    this.#reader.stop()
    this.#begun = false
    this.#sender = undefined
    this.#readOn() // TLS brings all of a packet, also what follows the pause, and with it perhaps the end
    this.#owner.free(this)
  }

  #readOn(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume()
  }

  #onEnd(): void {
    if (this.#reader.endsHere) {
      try {
        this.#exchange?.ended([])
      } catch (defect) {
        this.#fail('defect', String(defect)) // of this exchange alone
      }
      this.destroy()
    } else this.#lost('the service closed the connection')
  }

  #lost(reason: string, error?: Error): void {
    this.#fail(this.#reader.answering ? 'cut' : 'broken', reason, error)
    this.destroy()
  }

  /** Cuts it and tells the exchange, unless that is still to go out. */
  #fail(kind: FailureKind, reason: string, error?: Error): void {
    const exchange = this.#exchange
    if (exchange === undefined || !this.#begun) return
    this.destroy()
    exchange.failed(new UpstreamError(kind, reason, error))
  }
}
