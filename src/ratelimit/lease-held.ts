/**
 * What a borrower has of one key: tokens at hand, a refusal to repeat, and those who wait for an answer.
 *
 * @module
 */
import { LEASE, MOST_HELD, REFUSED_FOR, type Grant, type Place } from './lease.ts'
import type { Quota, Taken } from './window.ts'

/** One key of one limit, as the last grant left it. */
export interface Lease extends Place {
  readonly quota: Quota
  tokens: number
  remaining: number
  /** When `remaining` grows, and until when that was a refusal; milliseconds of ours. */
  grows: number
  refused: number
  at: number
  /** When what is held goes back. */
  until: number
  /** How many to ask for beyond those that wait. */
  more: number
  /** Those who wait for an answer; without one they count by our own share. */
  readonly waiting: ((taken: Taken | undefined) => void)[]
  /** When it was asked for; undefined when no answer is owed. */
  asked: number | undefined
  /** How many of those that wait the ask was for. */
  wanted: number
}

/** Nothing so far, and nothing asked for. */
export function newLease(place: Place, quota: Quota, until: number): Lease {
  const none = { tokens: 0, remaining: 0, grows: 0, refused: 0, at: 0, more: 0, asked: undefined, wanted: 0 }
  return { ...place, quota, ...none, until, waiting: [] }
}

/**
 * Takes in what was lent; who asks again before it goes back gets twice as many to hold.
 *
 * @returns whether it is less than was wanted
 */
export function receive(lease: Lease, grant: Grant, now: number): boolean {
  const isShort = grant.tokens < lease.wanted
  lease.asked = undefined
  lease.tokens += grant.tokens
  lease.remaining = grant.remaining
  lease.grows = now + grant.wait / 1000
  lease.refused = isShort ? Math.min(lease.grows, now + REFUSED_FOR) : 0
  lease.at = grant.at
  lease.until = now + LEASE
  lease.more = Math.min(MOST_HELD, Math.max(1, lease.more * 2))
  return isShort
}

/** Lets a request pass with a token at hand. */
export function spend(lease: Lease, now: number): Taken {
  lease.tokens -= 1
  return { allowed: true, remaining: lease.remaining + lease.tokens, wait: waitOf(lease, now), at: lease.at }
}

/** Repeats what the lender has said. */
export function refusal(lease: Lease, now: number): Taken {
  return { allowed: false, remaining: 0, wait: waitOf(lease, now), at: lease.at }
}

function waitOf({ grows }: Lease, now: number): number {
  return Math.max(0, Math.round((grows - now) * 1000))
}
