/**
 * A breaker for attempts that are no promises: a request on its way to an upstream that may stream for hours.
 *
 * The same opossum circuit as in `breaker.ts` counts and changes state. A success is only counted, which costs
 * nanoseconds instead of a promise; failures and the one trial of a half-open circuit go through opossum itself.
 *
 * @module
 */
import { createCircuit, report, type BreakerOptions, type Circuit } from './breaker.ts'

/** One attempt under way; exactly one of its ends must be told. */
export interface Attempt {
  succeeded(): void
  failed(error: Error): void
  /** The caller went away before the attempt had an end. */
  abandoned(): void
}

export interface AttemptBreaker {
  /** Lets an attempt go, or not: undefined while the part is being left alone. */
  admit(): Attempt | undefined
  /** Stops its timers; later attempts go uncounted. */
  close(): void
}

type AttemptOptions = Pick<BreakerOptions, 'volume' | 'errorShare' | 'window' | 'resetAfter' | 'metrics' | 'log'>

const ignore = () => {}

/** Makes a breaker for attempts. */
export function createAttemptBreaker(name: string, options: AttemptOptions): AttemptBreaker {
  const settings: BreakerOptions = { ...options, capacity: Infinity }
  const circuit = createCircuit(name, settings)
  let lastError: Error | undefined
  report(name, circuit, settings, () => lastError)

  const ordinary: Attempt = {
    succeeded: () => void circuit.emit('fire', []), // opossum counts attempts by this event; only failures are weighed against them
    failed: (error) => {
      lastError = error
      if (circuit.closed) countFailure(circuit, error)
    },
    abandoned: ignore,
  }

  return {
    admit() {
      if (circuit.closed || circuit.isShutdown) return ordinary
      if (!circuit.halfOpen || !circuit.pendingClose) return undefined
      return trial(circuit, (error) => {
        lastError = error
      })
    },
    close: () => circuit.shutdown(),
  }
}

/** opossum learns of failures by calls that fail; whether it opens is then its own decision. */
function countFailure(circuit: Circuit, failure: Error): void {
  circuit.fire(() => Promise.reject(failure)).catch(ignore)
}

/** The one attempt that a half-open circuit lets go; without an end it would stay half open, so abandoning it is a failure. */
function trial(circuit: Circuit, failing: (error: Error) => void): Attempt {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  circuit.fire(() => promise).catch(ignore)
  const fail = (error: Error) => {
    failing(error)
    reject(error)
  }
  return { succeeded: resolve, failed: fail, abandoned: () => fail(new Error('the trial was abandoned')) }
}
