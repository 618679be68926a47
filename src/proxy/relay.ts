/**
 * One exchange: the handler that undici tells of an upstream's answer, writing it straight to the client.
 *
 * The hot path of the gateway: no promise and no stream stands between the two sockets, only pause and resume.
 *
 * @module
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

import { endAfterRequest } from '#http/linger.ts'
import { denials, type DenialCode } from '#request/denial.ts'
import { deny } from '#request/verdict.ts'
import type { Attempt } from '#resilience/attempts.ts'

import type { Backend } from './backend.ts'
import type { Call, Outcome } from './call.ts'
import { isSocketBroken } from './connector.ts'
import { Delivery } from './delivery.ts'
import { breakOff, endWith } from './endings.ts'
import { failureCode, isConnectionFailure, isIdempotent, isStale } from './failure.ts'
import { isConnectionBound, outgoing, wantsTrailers } from './outgoing.ts'
import { takeWithin } from './pace.ts'
import { answerFields, faultOf, interimFields, isEventStream, MOST_INTERIM, trailerFields } from './response-fields.ts'
import { UNASKED_CONTINUE } from './unasked-continue.ts'
import { Upload } from './upload.ts'
import type { Affinity } from './upstream.ts'
import { Watch } from './watch.ts'

type Controller = Dispatcher.DispatchController

/** Never reaches anyone: undici asks for a reason. */
const gone = new Error('the exchange is over')

export class Relay implements Dispatcher.DispatchHandler {
  #affinity: Affinity
  #call: Call
  #done: (outcome: Outcome) => void
  #watch: Watch
  #upload: Upload | undefined
  #wantsTrailers: boolean
  #delivery: Delivery | undefined
  /** Undefined until the request is on a connection. */
  #controller: Controller | undefined
  #attempts = 0
  /** 1xx answers so far. */
  #interim = 0
  /** A byte of an answer has come: from here on nothing is sent twice. */
  #answering = false
  #began = performance.now()
  #headAt = Number.NaN
  /** Of the answer; 0 until its head has come. */
  #status = 0
  #bytes = 0
  /** Length of the answer; NaN when unknown. */
  #length = Number.NaN
  /** Milliseconds an answer may pause. */
  #idle: number
  /** True while the answer waits for the client to take it. */
  #untaken = false
  #over = false

  constructor(affinity: Affinity, call: Call, done: (outcome: Outcome) => void) {
    this.#affinity = affinity
    this.#call = call
    this.#done = done
    this.#wantsTrailers = wantsTrailers(call.request)
    this.#idle = call.plan.upstream.timeout.idle
    this.#watch = new Watch(call.plan.timeout ?? Infinity, this.#expire)
  }

  /** Makes the first attempt, which the breaker has let go. */
  start(attempt: Attempt): void {
    const { request, plan, req, res } = this.#call
    if (request.body !== 0) this.#upload = this.#createUpload()
    res.on('close', this.#onClose)
    this.#watch.limit(plan.upstream.timeout.headers)
    this.#dispatch(plan.upstream.pick(this.#affinity), attempt)
    if (req.socket.destroyed) this.#onClose()
  }

  #createUpload(): Upload {
    const { request, plan, req, res, expectsContinue = false } = this.#call
    return new Upload(req, {
      most: plan.maxBody,
      pace: plan.pace,
      waits: (milliseconds) => this.#watch.waits(milliseconds),
      begin: () => {
        if (expectsContinue && !request.legacy && !res.headersSent) res.writeContinue()
      },
      tooLarge: () => this.#end('body_too_large', new Error(`more than ${plan.maxBody} bytes`)),
    })
  }

  #dispatch(backend: Backend, attempt: Attempt): void {
    this.#attempts += 1
    this.#controller = undefined
    this.#delivery = new Delivery(this.#call.plan.upstream, backend, attempt)
    const single = this.#attempts > 1 || isConnectionBound(this.#call.fields)
    const dispatcher = single ? backend.single : backend.dispatcher
    dispatcher.dispatch(outgoing(this.#call, backend, this.#upload ?? null), this)
  }

  onRequestStart(controller: Controller): void {
    if (this.#over) throw gone // unlike abort(), this leaves the connection to others
    this.#controller = controller
  }

  onBodySent(): void {
    this.#watch.moved()
  }

  onRequestSent(): void {
    this.#watch.moved()
  }

  onResponseStarted(): void {
    this.#answering = true
  }

  onResponseStart(controller: Controller, status: number, headers: IncomingHttpHeaders): void {
    const { request, plan, res } = this.#call
    const fault = faultOf(status, headers)
    if (fault !== undefined) controller.abort(new Error(fault))
    else if (status >= 200) this.#begin(status, headers)
    else if ((this.#interim += 1) > MOST_INTERIM) controller.abort(new Error('too many interim answers'))
    else if (!request.legacy && status !== UNASKED_CONTINUE)
      res.writeInformation(status, interimFields(headers, plan.dropResponse))
  }

  #begin(status: number, headers: IncomingHttpHeaders): void {
    const { plan, res } = this.#call
    if (status === 204) delete headers['content-length'] // RFC 9110 §8.6
    const length = headers['content-length']
    const fields = answerFields(headers, plan, this.#wantsTrailers && length === undefined)
    if (this.#upload !== undefined && !this.#upload.closed) res.shouldKeepAlive = false
    res.writeHead(status, fields)

    this.#headAt = performance.now()
    this.#status = status
    this.#length = Number(length ?? Number.NaN)
    this.#delivery?.answered(status)
    if (isEventStream(headers)) {
      this.#idle = Infinity
      this.#watch.lift()
    } else this.#watch.limit(this.#idle)
    queueMicrotask(this.#flush)
  }

  /** Sends the head alone when no byte of the body came along with it. */
  #flush = (): void => {
    const { res } = this.#call
    if (this.#bytes === 0 && !this.#over && !res.writableEnded) res.flushHeaders()
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    const { res } = this.#call
    if (res.destroyed) return
    this.#bytes += chunk.length
    this.#watch.moved()
    if (this.#bytes === this.#length && this.#upload === undefined) endWith(res, chunk)
    else if (!res.write(chunk)) {
      controller.pause()
      this.#awaitClient()
      res.once('drain', this.#resume)
    }
  }

  #resume = (): void => {
    if (this.#over) return
    this.#untaken = false
    this.#watch.limit(this.#idle)
    this.#controller?.resume()
  }

  /** From now on it is the client that the answer waits for, also that of an event stream. */
  #awaitClient(): void {
    const { plan, res } = this.#call
    this.#untaken = true
    this.#watch.limit(takeWithin(res.writableLength, plan.pace, plan.upstream.timeout.idle))
  }

  onResponseEnd(_controller: Controller, trailers: IncomingHttpHeaders): void {
    if (this.#over) return
    if (isSocketBroken()) {
      this.#end('upstream_failed', new Error('reset in the middle of the answer'))
      return
    }
    this.#delivery?.finished()
    const { plan, res } = this.#call
    if (res.writableLength > 0) this.#awaitClient()
    if (res.writableEnded || res.destroyed) return
    if (this.#wantsTrailers) res.addTrailers(trailerFields(trailers, plan.dropResponse))
    this.#upload?.release()
    if (this.#upload === undefined) res.end()
    else endAfterRequest(res)
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.#over) return
    const sent = this.#controller !== undefined
    const code = this.#status === 0 ? failureCode(error, sent) : 'upstream_failed'
    if (this.#mayRetry(error, sent)) this.#retry(code, error)
    else this.#end(code, error)
  }

  #mayRetry(error: Error, sent: boolean): boolean {
    const { request, plan } = this.#call
    if (this.#attempts > 1 || this.#answering) return false
    if (isStale(error, sent)) return true
    const harmless = request.body === 0 && isIdempotent(request.method)
    const promising = sent || plan.upstream.backends.length > 1 // a target that cannot be reached is not asked again
    return harmless && promising && isConnectionFailure(error, sent)
  }

  #retry(code: DenialCode, error: Error): void {
    const { upstream } = this.#call.plan
    const stale = isStale(error, this.#controller !== undefined)
    const failed = stale ? undefined : this.#delivery?.backend
    if (stale) this.#delivery?.withdrawn()
    else this.#delivery?.failed(code, error)
    const attempt = upstream.breaker.admit()
    if (attempt === undefined) {
      this.#end(code, error)
      return
    }
    upstream.retried()
    this.#dispatch(upstream.pick(this.#affinity, failed), attempt)
  }

  #expire = (): void => {
    if (this.#upload?.starving === true) this.#end('request_timeout', new Error('the body came too slowly'))
    else if (this.#untaken) this.#end('client_closed', new Error('the client took its answer too slowly'))
    else if (this.#controller === undefined && this.#delivery?.backend.crowded === true)
      this.#end('upstream_unavailable', new Error('no connection was free in time'))
    else this.#end('upstream_timeout', new Error('a deadline passed'))
  }

  #onClose = (): void => {
    if (this.#over) return
    if (this.#call.res.writableFinished) this.#settle('answered')
    else this.#end('client_closed', new Error('the client closed its connection'))
  }

  /** Ends the exchange badly: before the head by a refusal, after it by breaking the client's connection. */
  #end(code: DenialCode, error: Error): void {
    const { res, request } = this.#call
    const begun = this.#status !== 0
    if (code === 'request_timeout') res.shouldKeepAlive = false // RFC 9110 §15.5.9
    this.#delivery?.failed(code, error)
    this.#settle(begun || code === 'client_closed' ? 'answered' : 'unanswered', code, error)
    if (begun) breakOff(res, request.legacy || this.#untaken)
    this.#controller?.abort(gone)
    this.#upload?.release()
    this.#upload?.destroy()
  }

  #settle(kind: 'answered' | 'unanswered', code?: DenialCode, error?: Error): void {
    this.#over = true
    this.#watch.stop()
    this.#call.res.off('close', this.#onClose)
    this.#done({
      answered: kind === 'answered',
      denial: code === undefined ? undefined : deny(code, error?.message ?? ''),
      status:
        code === undefined || (this.#status !== 0 && code !== 'client_closed') ? this.#status : denials[code].status,
      bytes: this.#bytes,
      upstream_ms: this.#headAt - this.#began,
      target: this.#delivery?.backend.name,
    })
  }
}
