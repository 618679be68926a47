/**
 * Where keys come from: the contract of the kinds in this folder.
 *
 * @module
 */

/** How a load ended: label of `heimdall_keyset_fetches_total`. */
export type LoadOutcome =
  | 'ok'
  | 'unreachable'
  | 'timeout'
  | 'status'
  | 'too_large'
  | 'malformed'
  | 'empty'
  | 'issuer_mismatch'
  | 'url_refused'

/** The text of a JWKS, or why there is none; `note` is for the operator's log. */
export type Loaded =
  | { readonly kind: 'loaded'; readonly text: string }
  | { readonly kind: 'failed'; readonly outcome: Exclude<LoadOutcome, 'ok'>; readonly note: string }

/** Reads the keys once; never rejects, and stops when `signal` aborts. */
export type LoadKeys = (signal: AbortSignal) => Promise<Loaded>

/** Bytes of the longest answer or file that is read. */
export const LARGEST_SET = 256 * 1024

/** When keys are loaded, and how long they are believed. All in milliseconds. */
export interface Pace {
  /** Between the starts of two loads, whatever came of the first. */
  readonly cooldown: number
  /** Between loads that nobody asked for. */
  readonly refresh: number
  /** How long the last good keys are used when loads fail. */
  readonly max_stale: number
}

/** A place to load keys from: a URL, the path of a file, or an issuer with OIDC discovery. */
export interface KeySource {
  readonly kind: 'url' | 'file' | 'discovery'
  readonly at: string
  readonly pace: Pace
}

export function failed(outcome: Exclude<LoadOutcome, 'ok'>, note: string): Loaded {
  return { kind: 'failed', outcome, note }
}
