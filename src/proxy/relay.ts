/**
 * One exchange: what a connection to the upstream tells of the answer is written straight to the client.
 *
 * The hot path of the gateway: no promise and no stream stands between the two sockets, only pause and resume.
 *
 * @module
 */
import { endAfterRequest } from '#http/linger.ts'
import { denials, type DenialCode } from '#request/denial.ts'
import { deny } from '#request/verdict.ts'
import type { Attempt } from '#resilience/attempts.ts'
import type { AnswerHead, Fields } from '#upstream/answer-head.ts'
import type { Exchange, Line, RequestHead } from '#upstream/exchange.ts'
import type { Pool } from '#upstream/pool.ts'
import type { FailureKind, UpstreamError } from '#upstream/upstream-error.ts'

import type { Backend } from './backend.ts'
import type { Call, Outcome } from './call.ts'
import { Delivery } from './delivery.ts'
import { breakOff, endWith } from './endings.ts'
import { denialOf, isIdempotent, isUnsent } from './failure.ts'
import { isConnectionBound, outgoing, wantsTrailers } from './outgoing.ts'
import { takeWithin } from './pace.ts'
import { answerFields, interimFields, isEventStream, MOST_INTERIM, trailerFields, without } from './response-fields.ts'
import { Upload } from './upload.ts'
import type { Affinity } from './upstream.ts'
import { Watch } from './watch.ts'

export class Relay implements Exchange {
  #affinity: Affinity
  #call: Call
  #done: (outcome: Outcome) => void
  #watch: Watch
  #upload: Upload | undefined
  #wantsTrailers: boolean
  #delivery: Delivery | undefined
  #head: RequestHead | undefined
  #pool: Pool | undefined
  /** Undefined until the request is on a connection. */
  #line: Line | undefined
  #attempts = 0
  /** 1xx answers so far. */
  #interim = 0
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
    this.#watch = new Watch(call.plan.timeout ?? Infinity, () => this.#expire())
  }

  /** Makes the first attempt, which the breaker has let go. */
  start(attempt: Attempt): void {
    const { request, plan, req, res } = this.#call
    if (request.body !== 0) this.#upload = this.#createUpload()
    res.on('close', () => this.#onClose())
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
    this.#line = undefined
    this.#delivery = new Delivery(this.#call.plan.upstream, backend, attempt)
    this.#head = outgoing(this.#call, backend)
    const single = this.#attempts > 1 || isConnectionBound(this.#call.fields)
    this.#pool = single ? backend.single : backend.pool
    this.#pool.send(this)
  }

  get head(): RequestHead {
    if (this.#head === undefined) throw new TypeError('nothing has been dispatched')
    return this.#head
  }

  get body(): Upload | undefined {
    return this.#upload
  }

  begun(line: Line): boolean {
    if (!this.#over) this.#line = line
    return !this.#over
  }

  sent(): void {
    this.#watch.moved()
  }

  interim(status: number, fields: Fields): void {
    const { request, plan, res } = this.#call
    if ((this.#interim += 1) > MOST_INTERIM) this.#end('upstream_failed', new Error('too many interim answers'))
    // nobody asked for a 100 (RFC 9110 §15.2.1)
    else if (!request.legacy && status !== 100) res.writeInformation(status, interimFields(fields, plan.dropResponse))
  }

  answered({ status, fields, framing }: AnswerHead, whole: string | undefined, more: boolean): void {
    const { plan, res } = this.#call
    const received = status === 204 ? without(fields, 'content-length') : fields // RFC 9110 §8.6
    // what is left of the body is read for the sake of this answer alone (`http/linger.ts`)
    if (this.#upload !== undefined && !this.#upload.finished) res.shouldKeepAlive = false
    const announces = this.#wantsTrailers && framing === 'chunked' && whole === undefined
    res.writeHead(status, answerFields(received, plan, announces))

    this.#headAt = performance.now()
    this.#status = status
    this.#length = typeof framing === 'number' ? framing : Number.NaN
    this.#delivery?.answered(status)
    if (whole !== undefined) {
      this.#passWhole(whole)
      return
    }
    if (isEventStream(fields)) {
      this.#idle = Infinity
      this.#watch.lift()
    } else this.#watch.limit(this.#idle)
    if (!more) res.flushHeaders()
  }

  /** As text, node joins it to the head, and one plain write costs half of a vectored one. */
  #passWhole(body: string): void {
    const { res } = this.#call
    this.#bytes = body.length
    this.#release()
    if (this.#upload === undefined) res.end(body, 'latin1')
    else {
      this.#watch.limit(this.#idle) // it is the rest of the request that is waited for, no longer a head
      if (body === '') res.flushHeaders()
      else res.write(body, 'latin1')
      endAfterRequest(res)
    }
    if (res.writableLength > 0) this.#awaitClient()
  }

  data(chunk: Buffer): void {
    const { res } = this.#call
    if (res.destroyed) return
    this.#bytes += chunk.length
    this.#watch.moved()
    if (this.#bytes === this.#length && this.#upload === undefined) endWith(res, chunk)
    else if (!res.write(chunk)) this.#pause()
  }

  #pause(): void {
    this.#line?.pause(this)
    if (!this.#untaken) this.#call.res.once('drain', () => this.#resume())
    this.#awaitClient()
  }

  #resume(): void {
    if (this.#over) return
    this.#untaken = false
    this.#watch.limit(this.#idle)
    this.#line?.resume(this)
  }

  /** From now on it is the client that the answer waits for, also that of an event stream. */
  #awaitClient(): void {
    const { plan, res } = this.#call
    this.#untaken = true
    this.#watch.limit(takeWithin(res.writableLength, plan.pace, plan.upstream.timeout.idle))
  }

  ended(trailers: Fields): void {
    if (this.#over) return
    this.#release()
    const { plan, res } = this.#call
    if (res.writableLength > 0) this.#awaitClient()
    if (res.writableEnded || res.destroyed) return
    if (this.#wantsTrailers) res.addTrailers(trailerFields(trailers, plan.dropResponse))
    if (this.#upload === undefined) res.end()
    else endAfterRequest(res)
  }

  /** The upstream has done its part. */
  #release(): void {
    this.#delivery?.finished()
    this.#line = undefined
    this.#upload?.release()
  }

  failed(error: UpstreamError): void {
    if (this.#over) return
    const code = denialOf(error.kind)
    if (this.#mayRetry(error.kind)) this.#retry(code, error)
    else this.#end(code, error)
  }

  /** Once, and only what may be sent twice: to another target where this one cannot be reached. */
  #mayRetry(kind: FailureKind): boolean {
    const { request, plan } = this.#call
    if (this.#attempts > 1 || request.body !== 0 || !isIdempotent(request.method)) return false
    return kind === 'broken' || (isUnsent(kind) && plan.upstream.backends.length > 1)
  }

  #retry(code: DenialCode, error: Error): void {
    const { upstream } = this.#call.plan
    const failed = this.#delivery?.backend
    this.#delivery?.failed(code, error)
    const attempt = upstream.breaker.admit()
    if (attempt === undefined) {
      this.#end(code, error)
      return
    }
    upstream.retried()
    this.#dispatch(upstream.pick(this.#affinity, failed), attempt)
  }

  #expire(): void {
    if (this.#upload?.starving === true) this.#end('request_timeout', new Error('the body came too slowly'))
    else if (this.#untaken) this.#end('client_closed', new Error('the client took its answer too slowly'))
    else if (this.#line === undefined && this.#delivery?.backend.crowded === true)
      this.#end('upstream_unavailable', new Error('no connection was free in time'))
    else this.#end('upstream_timeout', new Error('a deadline passed'))
  }

  #onClose(): void {
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
    if (this.#line === undefined) this.#pool?.withdraw(this)
    else this.#line.abort(this)
    this.#upload?.release()
  }

  #settle(kind: 'answered' | 'unanswered', code?: DenialCode, error?: Error): void {
    this.#over = true
    this.#watch.stop()
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
