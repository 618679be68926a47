/**
 * The open connections of a listener, and the answers being given on each.
 *
 * Node forgets a socket once it is upgraded and keeps serving busy ones after `close`; a drain needs to know all of them.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { reset } from './reset.ts'

const MOST_PIPELINED = 64
const SHORT_STAY = 1000 // milliseconds for a connection that is one too many to hear so

export class Connections {
  /** Answers begun and not finished, the eldest first: more than one only when the client pipelines. */
  readonly #open = new Map<Duplex, ServerResponse[]>()
  readonly #tunnels = new WeakSet<Duplex>()
  readonly #declined = new WeakSet<IncomingMessage>()
  readonly #surplus = new Set<Duplex>()
  #last = false
  /** How many may be open; those above it are surplus. */
  most = Infinity
  /** Whether answers leave their connections open. */
  keepAlive = true

  /** How many are open, tunnels included. */
  get size(): number {
    return this.#open.size
  }

  add(socket: Duplex): void {
    if (this.#open.size - this.#surplus.size >= this.most) this.#addSurplus(socket)
    this.#open.set(socket, [])
    socket.once('close', () => this.#open.delete(socket))
    // Node takes its own listener away at `CONNECT` and upgrades; without one a reset would end the process.
    socket.on('error', () => socket.destroy())
  }

  #addSurplus(socket: Duplex): void {
    const timer = setTimeout(() => socket.destroy(), SHORT_STAY).unref()
    this.#surplus.add(socket)
    socket.once('close', () => {
      clearTimeout(timer)
      this.#surplus.delete(socket)
    })
  }

  /** True for a connection that is one more than may be open: it is there to hear that. */
  isSurplus(socket: Duplex): boolean {
    return this.#surplus.size > 0 && this.#surplus.has(socket)
  }

  /**
   * Notes a new answer; false when there will be none: the client has sent too many requests ahead, whose connection
   * is cut then, or an answer before this one is the last (RFC 9112 §9.6).
   */
  begin(socket: Duplex, response: ServerResponse): boolean {
    response.on('error', ignore)
    if (this.#last || !this.keepAlive || this.isSurplus(socket) || this.#declined.has(response.req))
      response.shouldKeepAlive = false
    const answers = this.#open.get(socket)
    if (answers === undefined) return true
    if (answers.some((earlier) => !earlier.shouldKeepAlive)) return false
    while (answers[0]?.writableFinished === true) answers.shift()
    answers.push(response)
    if (answers.length <= MOST_PIPELINED) return true
    socket.destroy()
    return false
  }

  /**
   * Cuts a connection on which answers are still owed, and says whether it did. Node hands over upgrades and `CONNECT`
   * at once, also behind such requests; what is written then would be taken for their answer (RFC 9112 §9.3.2).
   */
  cutOwing(socket: Duplex): boolean {
    const owing = this.isOwing(socket)
    if (owing) socket.destroy()
    return owing
  }

  /** True while a request of the connection is being worked on: its handler tells how it ends. */
  isOwing(socket: Duplex): boolean {
    return this.#owed(socket).length > 0
  }

  /** Notes an upgrade that is not taken up: Node loses the bytes behind it, so its answer is the last of the connection. */
  decline(request: IncomingMessage): void {
    this.#declined.add(request)
  }

  /** Notes that the connection is no longer HTTP. */
  upgrade(socket: Duplex): void {
    this.#tunnels.add(socket)
  }

  /** Ends a connection with the answers owed, when all of them are to whole requests; says whether it does. */
  endWithOwed(socket: Duplex): boolean {
    const last = this.#owed(socket).at(-1)
    if (last?.req.complete !== true) return false
    if (last.headersSent && last.shouldKeepAlive) last.once('finish', () => socket.end())
    last.shouldKeepAlive = false
    return true
  }

  /** True while what is written now would be taken for another answer, or for part of one. */
  isAnswering(socket: Duplex): boolean {
    const owed = this.#owed(socket)
    return owed.length > 1 || owed[0]?.headersSent === true
  }

  #owed(socket: Duplex): ServerResponse[] {
    return this.#open.get(socket)?.filter((response) => !response.writableFinished) ?? []
  }

  /** From now on every answer ends its connection, also those that have not begun yet. */
  lastAnswers(): void {
    this.#last = true
    for (const answers of this.#open.values()) {
      for (const response of answers) if (!response.headersSent) response.shouldKeepAlive = false
    }
  }

  /** Cuts connections on which nothing is being answered; Node's own notion of idle leaves out those that never sent a request. */
  cutIdle(): void {
    for (const [socket, answers] of this.#open) {
      if (answers.every((response) => response.writableFinished) && !this.#tunnels.has(socket)) socket.destroy()
    }
  }

  /**
   * Resets a share of all connections, those that came last first: streams that have lasted long are worth more.
   * After a regular close, the system would keep what a client has not taken yet, which may be what fills the memory.
   */
  cutYoungest(share: number): void {
    const open = [...this.#open.keys()]
    for (const socket of open.slice(open.length - Math.ceil(open.length * share))) {
      if (socket instanceof Socket) reset(socket)
      else socket.destroy()
    }
  }

  cut(): void {
    for (const socket of this.#open.keys()) socket.destroy()
  }

  /** Resolves when every connection has told its end to all who work on its requests: later than the server's own `close`. */
  async ended(): Promise<void> {
    await Promise.all(
      Array.from(this.#open.keys(), (socket) => new Promise((resolve) => socket.once('close', resolve))),
    )
  }
}

/** An answer that cannot be written ends by itself; without a listener its error would end the process. */
function ignore(): void {}
