/**
 * Circuit breakers: a part that keeps failing is left alone for a moment, so that nobody waits for it.
 *
 * opossum counts and decides; what it leaves open is added here. Its timeout does not end the call, so each call has
 * a deadline of ours. It counts calls over its capacity as failures, so the cap is ours too: being busy is not being broken.
 * A window full of old successes hides that a part has just died, so a run of failures opens the breaker as well.
 * A failure that comes long after its deadline shows a pause of ours, in which timers ran before sockets were read: it says
 * nothing about the part, so whoever can make us busy can still not open a breaker.
 *
 * @module
 */
import CircuitBreaker from 'opossum'

import { errorText } from '#telemetry/error-text.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import { withDeadline } from './deadline.ts'

/** The call was not made: the part failed too often and is being left alone, or has as many calls under way as it may. */
export class CallRefused extends Error {
  override readonly name = 'CallRefused'
  readonly reason: 'open' | 'busy'

  constructor(breaker: string, reason: 'open' | 'busy') {
    super(`${breaker} is ${reason === 'open' ? 'left alone after failures' : 'busy'}`)
    this.reason = reason
  }
}

/** The call failed so long after its deadline that the process itself must have stood still: no reason to open the breaker, nor to close one. */
class OwnDelay extends Error {
  override readonly name = 'OwnDelay'
}

/** Milliseconds after a deadline within which a live process has acted on it. */
const PROMPT = 50

export interface BreakerOptions {
  /** Milliseconds a call may take; absent when the action ends by itself. */
  readonly timeout?: number
  /** Calls under way at once; more are refused immediately. */
  readonly capacity: number
  /** Calls within the window before the share of failures counts. */
  readonly volume: number
  /** Share of failures, 0 to 1, above which the breaker opens. */
  readonly errorShare: number
  /** Failures in a row that open it whatever the share; absent: only the share counts. */
  readonly inARow?: number
  /** Milliseconds. */
  readonly window: number
  /** Milliseconds an open breaker waits before it lets one call try. */
  readonly resetAfter: number
  /** What an open breaker tries when its wait is over; absent: the call that comes next, whose caller then waits for it. */
  readonly trial?: (signal: AbortSignal) => Promise<unknown>
  /** False for errors that say nothing about the health of the part, such as a caller who went away. */
  readonly counts?: (error: unknown) => boolean
  readonly metrics: Pick<Metrics, 'breakerState' | 'breakerChanges'>
  readonly log: Logger
}

export interface Breaker {
  /** True while a call would be refused at once. */
  readonly open: boolean
  /**
   * Makes a call.
   *
   * @param weight for how many calls it stands in a run of failures, such as the questions that travel in it
   * @throws CallRefused when it was not made, DeadlineExceeded when it took too long, OwnDelay when the process stood still
   * meanwhile, else what the action threw
   */
  run<T>(action: (signal: AbortSignal) => Promise<T>, weight?: number): Promise<T>
  /** Stops its timers; later calls are refused. */
  close(): void
}

const neverAborted = new AbortController().signal
const stateValues = { closed: 0, half_open: 1, open: 2 } as const

/** Makes a breaker. */
export function createBreaker(name: string, options: BreakerOptions): Breaker {
  const { timeout, capacity, inARow = Infinity, counts = () => true, trial } = options
  const circuit = createCircuit(name, options)
  let underWay = 0
  let failures = 0
  let lastError: unknown
  report(name, circuit, options, () => lastError)

  const refused = () => circuit.isShutdown || circuit.opened || (circuit.halfOpen && !circuit.pendingClose)

  const failed = (error: unknown, weight: number) => {
    if (error instanceof OwnDelay) return
    failures = counts(error) ? failures + weight : 0
    if (failures >= inARow && circuit.closed) circuit.open()
  }

  const run = async <T>(action: (signal: AbortSignal) => Promise<T>, weight = 1): Promise<T> => {
    if (refused()) throw new CallRefused(name, 'open')
    if (underWay >= capacity) throw new CallRefused(name, 'busy')
    underWay += 1
    try {
      const began = performance.now()
      const value = await circuit.fire(() =>
        (timeout === undefined ? action(neverAborted) : withDeadline(name, timeout, action)).catch((error: unknown) => {
          if (timeout !== undefined && circuit.closed && performance.now() - began > timeout + PROMPT)
            throw new OwnDelay(`${name} failed while the process stood still`, { cause: error })
          lastError = error
          throw error
        }),
      )
      failures = 0
      return value as T
    } catch (error) {
      failed(error, weight)
      throw error
    } finally {
      underWay -= 1
    }
  }

  if (trial !== undefined) circuit.on('halfOpen', () => void run(trial).catch(() => undefined))

  return {
    get open() {
      return refused()
    },
    run,
    close: () => circuit.shutdown(),
  }
}

export type Circuit = CircuitBreaker<[() => Promise<unknown>]>

/** Makes the opossum circuit behind a breaker: it counts and changes state, and nothing else. */
export function createCircuit(name: string, options: BreakerOptions): Circuit {
  const { counts = () => true } = options
  return new CircuitBreaker((call: () => Promise<unknown>) => call(), {
    name,
    timeout: false,
    volumeThreshold: options.volume,
    errorThresholdPercentage: options.errorShare * 100,
    rollingCountTimeout: options.window,
    resetTimeout: options.resetAfter,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    errorFilter: (error: unknown) => error instanceof OwnDelay || !counts(error),
  })
}

/** One gauge value, one count and one log line per change of state; the trials of a long outage are for `debug` only. */
export function report(
  name: string,
  circuit: Circuit,
  { metrics, log }: BreakerOptions,
  lastError: () => unknown,
): void {
  let trying = false
  const changed = (state: keyof typeof stateValues) => {
    metrics.breakerState.set({ breaker: name }, stateValues[state])
    metrics.breakerChanges.inc({ breaker: name, state })
    const level = state === 'closed' ? 'info' : state === 'open' && !trying ? 'warn' : 'debug'
    const error = lastError()
    const reason = state === 'open' && { error: errorText(error) }
    log[level]({ breaker: name, state, ...reason }, 'breaker')
    trying = state === 'half_open'
  }
  metrics.breakerState.set({ breaker: name }, stateValues.closed)
  circuit.on('open', () => changed('open'))
  circuit.on('halfOpen', () => changed('half_open'))
  circuit.on('close', () => changed('closed'))
}
