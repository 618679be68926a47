/**
 * The workers as a whole: started together, replaced one by one, ended together.
 *
 *     starting ──built──▶ (fit, or nobody else serves) ──▶ open ──▶ ended ──backoff──▶ starting
 *
 * The first ones open when all of them are built, so that none has the port to itself. One that replaces another opens
 * when it has what it needs, such as the issuers' keys: until then the others serve better.
 *
 * @module
 */
import type { ProcessLogger } from '#telemetry/log.ts'
import type { WorkerMetrics } from '#telemetry/metrics.ts'

import { createBackoff, type Backoff } from './backoff.ts'
import { Member, type MemberEvents } from './member.ts'
import { ALIVE_EVERY, type Beginning, type FromWorker, type ToWorker } from './messages.ts'

const START_PATIENCE = 30_000 // milliseconds until a worker is built
const SILENCE = 20_000 // milliseconds without a sign of life
const LOOK_EVERY = 1000

export interface PoolDeps {
  readonly count: number
  /** Milliseconds that a drain may take, the whole of it. */
  readonly patience: number
  /** What a worker begins with now. */
  readonly beginning: (worker: number) => Beginning
  /** Brings a worker that was built with an older version up to date. */
  readonly update: (member: Member) => void
  /** Takes what tokens are asked for. */
  readonly borrow: (worker: number, message: Extract<FromWorker, { kind: 'borrow' }>) => void
  /** Called after the end of each. */
  readonly onEnd: (member: Member) => void
  readonly log: ProcessLogger
  readonly metrics: WorkerMetrics
}

export class Pool {
  readonly #deps: PoolDeps
  readonly #members = new Map<number, Member>()
  readonly #backoffs: readonly Backoff[]
  readonly #started = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<void>()
  readonly #watch: NodeJS.Timeout
  /** True when the first ones were told to open. */
  #isServing = false
  #isDraining = false
  #wasWhole = false
  #looked = performance.now()

  constructor(deps: PoolDeps) {
    this.#deps = deps
    this.#backoffs = Array.from({ length: deps.count }, () => createBackoff())
    this.#watch = setInterval(() => this.#look(), LOOK_EVERY)
    this.#started.promise.catch(() => undefined)
    deps.metrics.workers.set(0)
  }

  /** Starts all; resolves when they serve, rejects when one says that it cannot be started. */
  start(): Promise<void> {
    for (let index = 0; index < this.#deps.count; index += 1) this.#start(index)
    return this.#started.promise
  }

  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** How many serve clients. */
  get open(): number {
    return this.members.filter(({ state }) => state === 'open').length
  }

  /** True from the first moment on in which all served, and had what they need. */
  get wasWhole(): boolean {
    return this.#wasWhole
  }

  tell(worker: number, message: ToWorker): void {
    this.#members.get(worker)?.tell(message)
  }

  /** Ends all, in their own time unless called again; resolves when they are gone. */
  drain(reason: string): Promise<void> {
    for (const member of this.#members.values()) member.tell({ kind: 'drain', reason })
    if (this.#isDraining) return this.#ended.promise
    this.#isDraining = true
    const late = setTimeout(() => this.kill('too slow to end'), this.#deps.patience)
    if (this.#members.size === 0) this.#ended.resolve()
    return this.#ended.promise.finally(() => {
      clearTimeout(late)
      clearInterval(this.#watch)
    })
  }

  /** Ends all at once. */
  kill(reason: string): void {
    this.#isDraining = true
    clearInterval(this.#watch)
    for (const member of this.#members.values()) member.kill(reason)
  }

  #start(index: number): void {
    const events: MemberEvents = {
      heard: (member, message) => this.#hear(member, message),
      ended: (member, cause) => this.#replace(member, cause),
    }
    const member = new Member(this.#deps.beginning(index), events)
    this.#members.set(index, member)
    this.#deps.metrics.workerStarts.inc()
    this.#deps.log.info({ worker: index, worker_pid: member.pid }, 'worker starts')
  }

  #hear(member: Member, message: Exclude<FromWorker, { kind: 'answer' | 'alive' }>): void {
    switch (message.kind) {
      case 'borrow':
        return this.#deps.borrow(member.index, message)
      case 'built':
        member.state = 'built'
        this.#deps.update(member)
        return this.#openDoors()
      case 'fit':
        member.isFit = true
        this.#count()
        return this.#openDoors()
      case 'open':
        member.state = 'open'
        this.#deps.log.info({ worker: member.index, worker_pid: member.pid }, 'worker serves')
        return this.#count()
      case 'failed':
        member.reason = message.reason
        if (!this.#isServing || this.open === 0) this.#started.reject(new Error(message.reason))
        return
      default:
        message satisfies never
    }
  }

  /** Lets in who may listen by now. */
  #openDoors(): void {
    const isWaiting = this.#deps.count > this.members.filter(({ state }) => state !== 'starting').length
    if (!this.#isServing && isWaiting) return
    const isUrgent = !this.#isServing || this.open === 0
    this.#isServing = true
    for (const member of this.members) if (member.state === 'built' && (isUrgent || member.isFit)) open(member)
  }

  #count(): void {
    this.#deps.metrics.workers.set(this.open)
    if (this.open < this.#deps.count) return
    this.#started.resolve()
    this.#wasWhole ||= this.members.every(({ isFit }) => isFit)
  }

  #replace(member: Member, cause: string): void {
    const { log, metrics, onEnd } = this.#deps
    const { index, pid, since } = member
    this.#members.delete(index)
    this.#count()
    onEnd(member)
    if (this.#isDraining) return void (this.#members.size === 0 && this.#ended.resolve())
    const lived = Math.round(performance.now() - since)
    const pause = Math.round(this.#backoffs[index]?.after(lived) ?? 0)
    metrics.workerDeaths.inc({ cause: /^(?:SIG\w+|exit \d+)$/.test(cause) ? cause : 'other' })
    log.error({ worker: index, worker_pid: pid, cause, lived_ms: lived, again_ms: pause }, 'worker ended')
    setTimeout(() => this.#isDraining || this.#start(index), pause).unref() // a drain waits for no dead worker
    this.#openDoors()
  }

  /** Ends those that hang, unless it was this process that did not look for so long. */
  #look(): void {
    const now = performance.now()
    const wasHere = now - this.#looked < LOOK_EVERY + ALIVE_EVERY
    this.#looked = now
    if (!wasHere) return
    for (const member of this.#members.values()) {
      if (member.state === 'starting' && now - member.since > START_PATIENCE) member.kill('not started in time')
      if (member.state !== 'starting' && now - member.heard > SILENCE) member.kill('hangs')
    }
  }
}

function open(member: Member): void {
  member.state = 'opening'
  member.tell({ kind: 'open' })
}
