/**
 * Leases: how several processes share the quota of a limit, one request at a time or by the handful.
 *
 * One process, the lender, owns the windows. The others, the borrowers, ask it for tokens, and may hold a few that they
 * have not used yet: then a request costs no message. What is held is counted as passed when it was lent, so
 *
 * - never more than COUNT × (1 + 1/16) pass in any period: the lender's windows err by 1/32 at most, and no more than
 *   COUNT/32 are held unused by all borrowers together. Limits below 32 × borrowers hold none, those below 64 are exact;
 * - nobody is refused while there is quota left: before the lender refuses, it calls back what the others hold. Only a
 *   borrower that does not answer within {@link RECALL_PATIENCE} keeps what it has, and one that dies takes it along
 *   for a period; for {@link REFUSED_FOR} a refusal is repeated without asking, which only a request that was given back
 *   meanwhile could have changed;
 * - when the lender does not answer within {@link ASK_PATIENCE}, each borrower counts its own share, COUNT / borrowers and
 *   one at least, until it does: with what had passed before, at most twice the quota in that period.
 *
 * A request's moment is that of its token: when it was lent, or when it was taken from those held.
 *
 * @module
 */
import type { Quota } from './window.ts'

/** Milliseconds after which what is held goes back. */
export const LEASE = 1000

/** Milliseconds for a borrower to give back what it holds. */
export const RECALL_PATIENCE = 50

/** Milliseconds for the lender to answer. */
export const ASK_PATIENCE = 250

/** Most milliseconds for which a refusal is repeated without asking. */
export const REFUSED_FOR = 100

/** Most tokens that a borrower holds under one key. */
export const MOST_HELD = 1024

/** One key of one limit. */
export interface Place {
  readonly id: string
  readonly key: string
}

/** One text for both. */
export function nameOf({ id, key }: Place): string {
  return `${id}\n${key}`
}

/** Asks for tokens: as many as requests wait, and some to hold. */
export interface Ask extends Place {
  readonly quota: Quota
  readonly want: number
  readonly more: number
}

/** What was lent, on the lender's clock; fewer tokens than wanted are a refusal of the rest. */
export interface Grant extends Place {
  readonly tokens: number
  /** How many more would pass now. */
  readonly remaining: number
  /** Microseconds until `remaining` grows. */
  readonly wait: number
  /** Names the tokens when they go back. */
  readonly at: number
}

/** Tokens that go back; none when nothing is left of what was called back. */
export interface Return extends Place {
  readonly tokens: number
  readonly at: number
  /** Nothing unused is left with the borrower; false for a request that another limit refused. */
  readonly all: boolean
}

/** What a borrower says in one turn of its event loop; returns count before asks. */
export interface Borrowing {
  readonly returns: readonly Return[]
  readonly asks: readonly Ask[]
}

/** What the lender says to one borrower. */
export interface Lending {
  readonly grants: readonly Grant[]
  /** Must be given back, all that is held. */
  readonly recalls: readonly Place[]
}
