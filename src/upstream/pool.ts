/**
 * The connections to one origin: so many at most, the rest of the requests wait in line.
 *
 * @module
 */
import { Connection, type Owner } from './connection.ts'
import type { Origin, Sessions } from './connect.ts'
import type { Exchange } from './exchange.ts'
import { UpstreamError } from './upstream-error.ts'

export interface PoolOptions {
  readonly origin: Origin
  /** Most at once. */
  readonly connections: number
  /** Most requests that wait for one. */
  readonly waiting: number
  /** Whether connections are kept and used again. */
  readonly keeps: boolean
  /** Milliseconds a connection is kept idle, where the service does not say; 4 s unless told otherwise. */
  readonly idle?: number
}

const IDLE = 4000 // below what services grant, so that few connections are found closed
const LONGEST_IDLE = 60_000
const MARGIN = 1000 // milliseconds before the service would close
const SWEEP = 500 // milliseconds between looks at what is idle

export class Pool implements Owner {
  readonly origin: Origin
  readonly keeps: boolean
  readonly sessions: Sessions = {}
  #options: PoolOptions
  #all = new Set<Connection>()
  /** The one used last is used next, so that those too many grow old. */
  #idle: Connection[] = []
  #opening = new Set<Connection>()
  #waiting = new Set<Exchange>()
  #timer: NodeJS.Timeout | undefined
  /** Looks at what is idle so far: the clock of those that are. */
  #sweeps = 0
  #closing: PromiseWithResolvers<void> | undefined
  #destroyed = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.origin = options.origin
    this.keeps = options.keeps
  }

  /** Connections, those with an exchange, and the exchanges that wait for one. */
  get stats(): { connected: number; running: number; pending: number } {
    const connected = this.#all.size - this.#opening.size
    return { connected, running: connected - this.#idle.length, pending: this.#waiting.size }
  }

  /** Sends a request as soon as there is a connection for it. */
  send(exchange: Exchange): void {
    const connection = this.#idle.pop()
    if (connection !== undefined) connection.take(exchange)
    else if (this.#destroyed) exchange.failed(gone())
    else if (this.#waiting.size >= this.#options.waiting + this.#room())
      exchange.failed(new UpstreamError('crowded', 'too many wait for a connection'))
    else {
      this.#waiting.add(exchange)
      this.#open()
    }
  }

  /** Takes an exchange out of the line; one that is on a connection is that connection's to end. */
  withdraw(exchange: Exchange): void {
    this.#waiting.delete(exchange)
  }

  /** Ends idle connections now and busy ones after their answer; what waits is still served. */
  close(): Promise<void> {
    this.#closing ??= Promise.withResolvers()
    while (this.#idle.length > 0) this.#idle.pop()?.destroy()
    this.#settle()
    return this.#closing.promise
  }

  /** Cuts all connections; their exchanges are told nothing, those in line that there is none. */
  destroy(): void {
    this.#closing ??= Promise.withResolvers()
    this.#destroyed = true
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const connection of this.#all) connection.destroy()
    for (const exchange of waiting) exchange.failed(gone())
    this.#settle()
  }

  free(connection: Connection): void {
    this.#opening.delete(connection)
    const [next] = this.#waiting
    if (next !== undefined) {
      this.#waiting.delete(next)
      connection.take(next)
    } else if (this.#closing !== undefined || !this.keeps) connection.destroy()
    else this.#keep(connection)
  }

  unopened(connection: Connection, error: UpstreamError): void {
    this.#remove(connection)
    const [first] = this.#waiting
    // others may still come about; without any, nobody needs to wait for the same again
    const failed = this.#all.size > 0 && first !== undefined ? [first] : [...this.#waiting]
    for (const exchange of failed) this.#waiting.delete(exchange)
    for (const exchange of failed) exchange.failed(error)
    this.#open()
    this.#settle()
  }

  closed(connection: Connection, unsent: Exchange | undefined): void {
    this.#remove(connection)
    if (unsent !== undefined) this.send(unsent)
    this.#open()
    this.#settle()
  }

  #keep(connection: Connection): void {
    const { idle = IDLE } = this.#options
    const { keepAlive } = connection
    const life = keepAlive === undefined ? idle : Math.min(keepAlive * 1000 - MARGIN, LONGEST_IDLE)
    if (life <= 0) {
      connection.destroy()
      return
    }
    connection.idleUntil = this.#sweeps + Math.ceil(life / SWEEP)
    this.#idle.push(connection)
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP).unref()
  }

  #sweep(): void {
    this.#sweeps += 1
    const old = this.#idle.filter(({ idleUntil }) => idleUntil <= this.#sweeps)
    for (const connection of old) connection.destroy()
    if (this.#idle.length > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #room(): number {
    return this.#options.connections - this.#all.size + this.#opening.size
  }

  #open(): void {
    while (this.#opening.size < this.#waiting.size && this.#all.size < this.#options.connections) {
      const connection = new Connection(this)
      this.#all.add(connection)
      this.#opening.add(connection)
    }
  }

  #remove(connection: Connection): void {
    this.#all.delete(connection)
    this.#opening.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
  }

  #settle(): void {
    if (this.#closing === undefined || this.#all.size > 0 || this.#waiting.size > 0) return
    clearInterval(this.#timer)
    this.#closing.resolve()
  }
}

function gone(): UpstreamError {
  return new UpstreamError('unreachable', 'the connections were closed')
}
