/**
 * How old an answer may be.
 *
 * Ages are measured on one process's monotonic clock, from the start of the read that reached Postgres;
 * two hosts' clocks are never compared.
 *
 * @module
 */

/** How long an answer is believed, in milliseconds, however many layers it went through. */
export const FRESH_FOR = 5000

/** How long "no such key" is believed, in milliseconds: short, so that a new key works soon after. */
export const ABSENT_FOR = 1000

/** What may be answered from memory when the store behind a lookup is down. */
export type StalePolicy = 'deny' | ServeStale

export interface ServeStale {
  /** Greatest age in milliseconds. */
  readonly serve_for: number
  /** The store was just found to be down: it is not asked, so that nobody waits for it twice. */
  readonly at_once?: boolean
}

/** True when an answer of this age (milliseconds) may be served although no store can confirm it. */
export function mayServe(age: number, policy: StalePolicy): boolean {
  return policy !== 'deny' && age <= policy.serve_for
}
