/**
 * Verdicts: what a stage of the request path concludes.
 *
 * A refusal is an ordinary answer, so it is a value that every caller must look at.
 * A thrown error is a defect; the server answers it with a 500.
 *
 * @module
 */
import type { DenialCode } from './denial.ts'

export interface Pass<T> {
  readonly kind: 'pass'
  readonly value: T
}

export interface Deny {
  readonly kind: 'deny'
  readonly code: DenialCode
  /** For the operator's log: never sent to a client, never holding a secret. */
  readonly note: string
  /** Response headers only this refusal knows, such as `Allow` or `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Not this scheme's credential: the next scheme on the route may try. */
export interface Skip {
  readonly kind: 'skip'
}

export type Verdict<T> = Pass<T> | Deny
export type Attempt<T> = Verdict<T> | Skip

/** What a stage returns: at once when it needs no I/O, with a promise otherwise. */
export type Eventually<T> = T | Promise<T>

export function pass<T>(value: T): Pass<T> {
  return { kind: 'pass', value }
}

/**
 * Refuses.
 *
 * @param note why, in the operator's words; goes to the log only
 * @param headers response headers that belong to this refusal
 */
export function deny(code: DenialCode, note: string, headers?: Readonly<Record<string, string>>): Deny {
  return headers === undefined ? { kind: 'deny', code, note } : { kind: 'deny', code, note, headers }
}

export const skip: Skip = { kind: 'skip' }

/** The pass of a stage that has nothing to hand on. */
export const passed: Pass<undefined> = { kind: 'pass', value: undefined }

/** Goes on with `next` at once, or after the promise: keeps a decision without I/O synchronous. */
export function andThen<T, U>(value: Eventually<T>, next: (value: T) => Eventually<U>): Eventually<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}
