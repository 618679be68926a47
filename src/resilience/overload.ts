/**
 * Overload: refusing some work in time instead of doing all of it badly.
 *
 * All of it comes down to one number, how many requests may be in flight, so that a request costs one comparison.
 * A sample of the process, ten times a second, moves the number: full memory brings it down to a few at once,
 * an event loop that is late to half of what is in flight, and from there it grows back by an eighth a time.
 * It never falls to nothing: were the cause elsewhere, a gateway without requests would wait for ever.
 *
 * @module
 */
import { deny, type Deny } from '#request/verdict.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import { Condition } from './overload/condition.ts'

/** How much is taken on. */
export interface OverloadLimits {
  /** Open connections of clients. */
  readonly connections: number
  /** Requests being answered. */
  readonly in_flight: number
  /** Share of the memory, above 0, at most 1. */
  readonly memory: number
  /** Milliseconds that the event loop may be late. */
  readonly delay: number
}

/** How the process fares. */
export interface Sample {
  /** Share of the heap's limit that is used. */
  readonly heap: number
  /** Share of the memory's limit that is resident. */
  readonly resident: number
  /** Milliseconds that the event loop was late. */
  readonly lag: number
}

export interface OverloadDeps {
  /** Those in force now. */
  readonly limits: () => OverloadLimits
  /** Requests being answered now. */
  readonly inFlight: () => number
  readonly metrics: Pick<Metrics, 'overloadState' | 'overloadShed' | 'inFlightAllowed' | 'memoryUsed' | 'eventLoopLag'>
  readonly log: Logger
}

const FEW = 8 // requests that are always let in
const STRAINED = 0.9 // share of `memory` from which on it is spared
const PATIENCE = 2 // samples in a row: one late sample may be a pause of the machine

/** What requests are refused for; each is a limit of the file. */
const reasons = ['connections', 'in_flight', 'memory', 'delay'] as const
type Reason = (typeof reasons)[number]

export class Overload {
  #deps: OverloadDeps
  #limits: OverloadLimits
  #allowed: number
  /** Why fewer are allowed than `in_flight`. */
  #cause: 'memory' | 'delay' | undefined
  #late = 0
  #isCritical = false
  readonly #conditions: Readonly<Record<Reason | 'memory_strained', Condition>>

  constructor(deps: OverloadDeps) {
    const condition = (reason: string) => new Condition(reason, deps)
    this.#deps = deps
    this.#limits = deps.limits()
    this.#allowed = this.#limits.in_flight
    for (const reason of reasons) deps.metrics.overloadShed.inc({ reason }, 0)
    this.#conditions = {
      connections: condition('connections'),
      in_flight: condition('in_flight'),
      memory: condition('memory'),
      delay: condition('delay'),
      memory_strained: condition('memory_strained'),
    }
  }

  /** The refusal of a new request, or undefined when it can be taken on. */
  refuse(): Deny | undefined {
    if (this.#deps.inFlight() < this.#allowed) return undefined
    return this.#refusal(this.#cause ?? 'in_flight')
  }

  /** The refusal of a request whose connection is one too many. */
  refuseConnection(): Deny {
    return this.#refusal('connections')
  }

  #refusal(reason: Reason): Deny {
    this.#conditions[reason].refuse()
    this.#deps.metrics.overloadShed.inc({ reason })
    return deny('overloaded', reason)
  }

  /**
   * How much room there is. `strained`: connections should not be kept. `full`: only what is there already should be
   * kept. `critical`: not even that can be, and the process will soon be ended by V8 or the system.
   */
  get memory(): 'free' | 'strained' | 'full' | 'critical' {
    if (this.#isCritical) return 'critical'
    if (this.#cause === 'memory') return 'full'
    return this.#conditions.memory_strained.active ? 'strained' : 'free'
  }

  /** What holds now, by name. */
  get reasons(): readonly string[] {
    return Object.entries(this.#conditions).flatMap(([name, { active }]) => (active ? [name] : []))
  }

  /** Learns how the process fares; to be called every 100 ms. */
  sample(sample: Sample): void {
    this.#limits = this.#deps.limits()
    const inFlight = this.#deps.inFlight()
    const memory = Math.max(sample.heap, sample.resident)
    this.#late = sample.lag > this.#limits.delay ? this.#late + 1 : 0
    this.#isCritical = memory >= (this.#limits.memory + 1) / 2
    this.#adapt(memory, inFlight)

    const facts = { ...rounded(sample), in_flight: inFlight, allowed: this.#allowed }
    const { connections, in_flight, ...conditions } = this.#conditions
    conditions.memory.set(this.#cause === 'memory', facts)
    conditions.delay.set(this.#cause === 'delay', facts)
    conditions.memory_strained.set(this.#isStrained(memory), facts)
    connections.look(facts)
    in_flight.look(facts)
    this.#show(sample)
  }

  #adapt(memory: number, inFlight: number): void {
    const { in_flight: most, memory: limit } = this.#limits
    const full = memory >= limit || (this.#cause === 'memory' && memory >= limit * STRAINED)
    if (full) this.#squeeze('memory', FEW)
    else if (this.#late >= PATIENCE) this.#squeeze('delay', Math.max(FEW, inFlight >> 1))
    else {
      this.#allowed = this.#cause === undefined ? most : this.#allowed + Math.max(FEW, this.#allowed >> 3)
      if (this.#allowed >= most) this.#cause = undefined
    }
    this.#allowed = Math.min(this.#allowed, most)
  }

  #squeeze(cause: 'memory' | 'delay', allowed: number): void {
    this.#cause = cause
    this.#allowed = Math.min(this.#allowed, allowed)
  }

  #isStrained(memory: number): boolean {
    const from = this.#limits.memory * STRAINED
    return memory >= (this.#conditions.memory_strained.active ? from * STRAINED : from)
  }

  #show({ heap, resident, lag }: Sample): void {
    const { metrics } = this.#deps
    metrics.inFlightAllowed.set(this.#allowed)
    metrics.memoryUsed.set({ kind: 'heap' }, heap)
    metrics.memoryUsed.set({ kind: 'resident' }, resident)
    metrics.eventLoopLag.set(lag / 1000)
  }
}

function rounded({ heap, resident, lag }: Sample) {
  return { heap: Number(heap.toFixed(3)), resident: Number(resident.toFixed(3)), lag_ms: Math.round(lag) }
}
