/**
 * Upgrades: opens a WebSocket tunnel to the upstream for a client that asked for one properly.
 *
 * @module
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

import { denials, type DenialCode } from '#request/denial.ts'
import type { Permit } from '#request/permit.ts'
import { deny } from '#request/verdict.ts'
import type { Attempt } from '#resilience/attempts.ts'

import { refusal, type Call, type ForwardPlan, type Outcome } from './call.ts'
import { Delivery } from './delivery.ts'
import { failureCode } from './failure.ts'
import { handshake } from './handshake.ts'
import { passAnswer } from './pass-answer.ts'
import { responseFields } from './response-fields.ts'
import type { Tunnels } from './tunnels.ts'
import { Watch } from './watch.ts'
import { isAccepted, readHandshake } from './websocket.ts'

/** An upgrade request, as node's `upgrade` event hands it over. */
export interface UpgradeCall extends Omit<Call, 'res' | 'expectsContinue'> {
  readonly socket: Socket
  /** Bytes that came behind the head. */
  readonly head: Buffer
  readonly tunnels: Tunnels
}

/**
 * Upgrades a connection.
 *
 * @param permit proof that the request was authorized; the tunnel ends with its credential
 * @param done called once: with `answered: false` when the caller is to write the refusal on the socket, else at the end of the tunnel
 * @denies upgrade_invalid, upstream_unavailable, upstream_unreachable, upstream_failed, upstream_timeout, client_closed
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

  start(attempt: Attempt): void {
    const { plan, request, fields, socket } = this.#call
    const { upstream, client, path } = plan
    const backend = upstream.pick({ principal: this.#permit.principal, client })
    const host = upstream.host === 'pass' ? request.authority : backend.authority
    this.#delivery = new Delivery(upstream, backend, attempt)
    this.#watch.limit(upstream.timeout.headers)
    socket.on('close', this.#onClose).on('end', this.#onClose).on('data', this.#onEarly)
    this.#outgoing = handshake(backend, { path: backend.prefix + path, host, fields }, socket, {
      upgraded: (answer, connection, tunnel) => this.#upgraded(answer, connection, tunnel),
      answered: (answer) => this.#answered(answer),
      failed: (error, connected) => this.#end(failureCode(error, connected), error),
    })
  }

  #upgraded(answer: IncomingMessage, upstream: Socket, tunnel: () => void): void {
    const { socket, plan, tunnels } = this.#call
    if (this.#over || !isAccepted(answer.statusCode, answer.headers, this.#key)) {
      upstream.destroy()
      this.#end('upstream_failed', new Error('a 101 that does not answer the handshake'))
      return
    }
    this.#head(101)
    answer.headers = tunnelHeaders(answer, plan)
    tunnel()
    this.#delivery?.finished() // it waits for nothing any more, and it has a connection of its own
    tunnels.open({
      client: socket,
      upstream,
      expiresAt: this.#permit.principal?.expires_at,
      ended: () => this.#settle('answered'),
    })
  }

  /** The upstream does not upgrade: its answer is passed on, then both connections end. */
  #answered(answer: IncomingMessage): void {
    const { plan, socket, req } = this.#call
    if (this.#over) return
    const status = answer.statusCode ?? 0
    if (status < 200) {
      this.#end('upstream_failed', new Error('a 101 without Upgrade'))
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
    this.#settle(answered ? 'answered' : 'unanswered', code, error)
    if (answered) this.#call.socket.destroy()
  }

  #settle(kind: 'answered' | 'unanswered', code?: DenialCode, error?: Error): void {
    if (this.#over) return
    this.#over = true
    this.#watch.stop()
    this.#ignoreClient()
    this.#delivery?.finished()
    this.#done({
      answered: kind === 'answered',
      denial: code === undefined ? undefined : deny(code, error?.message ?? ''),
      status:
        code === undefined || (this.#status !== 0 && code !== 'client_closed') ? this.#status : denials[code].status,
      bytes: this.#status === 0 ? 0 : this.#call.socket.bytesWritten - this.#written,
      upstream_ms: this.#headAt - this.#began,
      target: this.#delivery?.backend.name,
    })
  }
}

function tunnelHeaders(answer: IncomingMessage, plan: ForwardPlan): Record<string, string | string[]> {
  const fields = [...responseFields(answer.headers, plan.dropResponse), ...plan.responseHeaders]
  const headers = Object.create(null) as Record<string, string | string[]>
  for (let index = 0; index < fields.length; index += 2) {
    const name = String(fields[index]).toLowerCase()
    const before = headers[name]
    const value = fields[index + 1] ?? ''
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  delete headers['content-length']
  headers['connection'] = 'Upgrade'
  headers['upgrade'] = 'websocket'
  return headers
}
