/**
 * Upgrades: opens a WebSocket tunnel to the upstream for a client that asked for one properly.
 *
 * @module
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

import { STATUS_CODES } from '#http/node-http.ts'
import { denials, type DenialCode } from '#request/denial.ts'
import type { Permit } from '#request/permit.ts'
import { deny, type Deny } from '#request/verdict.ts'
import type { Attempt } from '#resilience/attempts.ts'
import type { Fields } from '#upstream/answer-head.ts'

import type { Backend } from './backend.ts'
import { refusal, type Call, type Outcome } from './call.ts'
import { Delivery } from './delivery.ts'
import { handshakeDenial } from './failure.ts'
import { handshake } from './handshake.ts'
import { faultOf, passAnswer } from './pass-answer.ts'
import { interimFields, lowered, MOST_INTERIM, responseFields } from './response-fields.ts'
import type { TunnelOptions, Tunnels } from './tunnels.ts'
import { Watch } from './watch.ts'
import { isAccepted, readHandshake } from './websocket.ts'

/** An upgrade request, as node's `upgrade` event hands it over. */
export interface UpgradeCall extends Omit<Call, 'res' | 'expectsContinue'> {
  readonly socket: Socket
  /** Bytes that came behind the head. */
  readonly head: Buffer
  readonly tunnels: Tunnels
  /** Whether the handshake would still be let through, once the tunnel is open. */
  readonly again: TunnelOptions['again']
}

/**
 * Upgrades a connection.
 *
 * @param permit proof that the request was authorized; the tunnel ends with its credential
 * @param done called once: with `answered: false` when the caller is to write the refusal on the socket, else at the end of the tunnel
 * @denies upgrade_invalid, upstream_unavailable, upstream_unreachable, upstream_failed, upstream_timeout, client_closed,
 *   and what ended an open tunnel
 */
export function upgrade(permit: Permit, call: UpgradeCall, done: (outcome: Outcome) => void): void {
  const { upstream } = call.plan
  const { socket } = call
  if (socket.destroyed || socket.readableEnded) {
    // It left during the decision: its events have passed, so nothing would ever end the tunnel.
    socket.destroy()
    done({ ...refusal(deny('client_closed', 'the client closed its connection')), answered: true })
    return
  }
  const key = readHandshake(call.request, call.head)
  if (key.kind === 'deny') {
    done(refusal(key))
    return
  }
  const attempt = upstream.breaker.admit()
  if (attempt === undefined) done(refusal(upstream.unavailable))
  else new Upgrade(permit, call, key.value, done).start(attempt)
}

class Upgrade {
  #permit: Permit
  #call: UpgradeCall
  #key: string
  #done: (outcome: Outcome) => void
  #watch: Watch
  #delivery: Delivery | undefined
  #outgoing: ClientRequest | undefined
  #attempts = 0
  /** 1xx answers so far. */
  #interim = 0
  #began = performance.now()
  #headAt = Number.NaN
  #written: number
  #status = 0
  #over = false

  constructor(permit: Permit, call: UpgradeCall, key: string, done: (outcome: Outcome) => void) {
    this.#permit = permit
    this.#call = call
    this.#key = key
    this.#done = done
    this.#written = call.socket.bytesWritten
    this.#watch = new Watch(call.plan.timeout ?? Infinity, () =>
      this.#end('upstream_timeout', new Error('no answer in time')),
    )
  }

  /** Makes the first attempt, which the breaker has let go. */
  start(attempt: Attempt): void {
    this.#watch.limit(this.#call.plan.upstream.timeout.headers)
    this.#call.socket.on('close', this.#onClose).on('end', this.#onClose).on('data', this.#onEarly)
    this.#shake(attempt)
  }

  #shake(attempt: Attempt, failed?: Backend): void {
    const { plan, request, fields, socket } = this.#call
    const { upstream, client, path } = plan
    const backend = upstream.pick({ principal: this.#permit.principal, client }, failed)
    const host = upstream.host === 'pass' ? request.authority : backend.authority
    this.#attempts += 1
    this.#delivery = new Delivery(upstream, backend, attempt)
    this.#outgoing = handshake(backend, { path: backend.prefix + path, host, fields }, socket, {
      interim: (status, fields) => this.#passInterim(status, fields),
      upgraded: (answer, connection, tunnel) => this.#upgraded(answer, connection, tunnel),
      answered: (answer) => this.#answered(answer),
      failed: (error, connected) => this.#failed(error, connected),
    })
  }

  #passInterim(status: number, fields: Fields): void {
    if (this.#over) return
    this.#interim += 1
    if (this.#interim > MOST_INTERIM) this.#end('upstream_failed', new Error('too many interim answers'))
    else this.#call.socket.write(interimHead(status, interimFields(fields, this.#call.plan.dropResponse)), 'latin1')
  }

  #upgraded(answer: IncomingMessage, upstream: Socket, tunnel: (fields: Fields) => void): void {
    const { socket: client, plan, tunnels, again } = this.#call
    if (this.#over || !isAccepted(answer.statusCode, answer.headers, this.#key)) {
      upstream.destroy()
      this.#end('upstream_failed', new Error('a 101 that does not answer the handshake'))
      return
    }
    this.#head(101)
    tunnel([...responseFields(lowered(answer.rawHeaders), plan.dropResponse), ...plan.responseHeaders])
    this.#delivery?.finished() // it waits for nothing any more, and it has a connection of its own
    const expiresAt = this.#permit.principal?.expires_at
    tunnels.open({ client, upstream, expiresAt, again, ended: (denial) => this.#settle('answered', denial) })
  }

  /** The upstream does not upgrade: its answer is passed on, then both connections end. */
  #answered(answer: IncomingMessage): void {
    const { plan, socket, req } = this.#call
    if (this.#over) return
    const status = answer.statusCode ?? 0
    const fault = faultOf(status, answer.headers)
    if (fault !== undefined) {
      this.#end('upstream_failed', new Error(fault))
      return
    }
    this.#head(status)
    socket.on('close', this.#onClose)
    passAnswer(answer, { req, socket, plan }, (error) => {
      if (error === undefined) this.#settle('answered')
      else this.#end('upstream_failed', error)
    })
  }

  #head(status: number): void {
    this.#status = status
    this.#headAt = performance.now()
    this.#delivery?.answered(status)
    this.#watch.stop()
    this.#ignoreClient()
  }

  /** A target that could not be reached has heard nothing: another one may be asked, once. */
  #failed(error: Error, connected: boolean): void {
    const { upstream } = this.#call.plan
    const code = handshakeDenial(error, connected)
    const promising = !connected && !this.#over && this.#attempts === 1 && upstream.backends.length > 1
    const attempt = promising ? upstream.breaker.admit() : undefined
    if (attempt === undefined) {
      this.#end(code, error)
      return
    }
    this.#delivery?.failed(code, error)
    upstream.retried()
    this.#shake(attempt, this.#delivery?.backend)
  }

  /** RFC 6455 §4.1: a client waits for the 101. Bytes before it would reach whatever the upstream is instead of a WebSocket. */
  #onEarly = (): void => this.#end('upgrade_invalid', new Error('bytes before the 101'))

  #onClose = (): void => this.#end('client_closed', new Error('the client closed its connection'))

  #ignoreClient(): void {
    this.#call.socket.off('close', this.#onClose).off('end', this.#onClose).off('data', this.#onEarly)
  }

  #end(code: DenialCode, error: Error): void {
    if (this.#over) return
    const answered = this.#status !== 0 || code === 'client_closed'
    this.#delivery?.failed(code, error)
    this.#outgoing?.on('error', () => {}).destroy()
    this.#settle(answered ? 'answered' : 'unanswered', deny(code, error.message))
    if (answered) this.#call.socket.destroy()
  }

  #settle(kind: 'answered' | 'unanswered', denial?: Deny): void {
    if (this.#over) return
    this.#over = true
    this.#watch.stop()
    this.#ignoreClient()
    this.#delivery?.finished()
    const begun = this.#status !== 0 && denial?.code !== 'client_closed'
    this.#done({
      answered: kind === 'answered',
      denial,
      status: denial === undefined || begun ? this.#status : denials[denial.code].status,
      bytes: this.#status === 0 ? 0 : this.#call.socket.bytesWritten - this.#written,
      upstream_ms: this.#headAt - this.#began,
      target: this.#delivery?.backend.name,
    })
  }
}

/** @param fields names and values in turn, as node:http read them */
function interimHead(status: number, fields: readonly string[]): string {
  const lines = fields.flatMap((value, index) => (index % 2 === 0 ? [] : [`${fields[index - 1]}: ${value}\r\n`]))
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`
}
