/**
 * Limiting: a request passes when every limit of the stage has room for it, and then counts under each.
 *
 * A refused request counts nowhere. Limits in memory answer at once, or nearly so where several processes serve one
 * port, and are asked first; those in Redis are asked together, in one round trip. What was counted before another
 * limit refused is given back.
 *
 * @module
 */
import type { Evidence, LimitReport } from '#request/evidence.ts'
import { deny, passed, type Eventually, type Verdict } from '#request/verdict.ts'

import { chargeMemory, chargeShared, refused, undo, type Charge } from './charge.ts'
import { refusalHeaders } from './headers.ts'
import type { LimitSubject } from './key.ts'
import { isShared, type NamedLimit, type SharedLimiter } from './limiter.ts'
import type { Limiters } from './limiters.ts'

/** What limits are compiled with; lives as long as the process. */
export type LimitDeps = Limiters

interface AdmitOptions {
  /** Records what would have been refused, and lets it pass. */
  readonly shadow: boolean
}

/**
 * Compiles the limits of one stage.
 *
 * @denies rate_limited with `Retry-After` when a limit is used up
 * @denies limits_unavailable when Redis is away and a limit says `on_store_down: deny`
 */
export function admitLimits(limits: readonly NamedLimit[], { shadow }: AdmitOptions, deps: LimitDeps) {
  const limiters = limits.map((limit) => deps.limiter(limit))
  const local = limiters.filter((limiter) => !isShared(limiter))
  const shared = limiters.filter(isShared)

  const goOn = (charges: readonly Charge[], subject: LimitSubject, evidence: Evidence) => {
    if (shared.length === 0 || charges.some(refused)) return conclude(charges, evidence, shadow)
    return askShared(shared, subject).then((more) => conclude([...charges, ...more], evidence, shadow))
  }

  return (subject: LimitSubject, evidence: Evidence): Eventually<Verdict<undefined>> => {
    const charges = local.map((limiter) => chargeMemory(limiter, subject, 'memory'))
    if (charges.every(isKnown)) return goOn(charges, subject, evidence)
    return Promise.all(charges.map((charge) => Promise.resolve(charge))).then((known) => goOn(known, subject, evidence))
  }
}

/** False for a charge that waits for the other processes on the port. */
function isKnown(charge: Eventually<Charge>): charge is Charge {
  return !(charge instanceof Promise)
}

/** Each on its own: of the nodes of a Cluster that count them, one may be away. */
function askShared(limiters: readonly SharedLimiter[], subject: LimitSubject): Promise<Charge[]> {
  return Promise.all(limiters.map((limiter) => chargeShared(limiter, subject)))
}

function conclude(charges: readonly Charge[], evidence: Evidence, shadow: boolean): Verdict<undefined> {
  const denied = charges.some(refused)
  if (denied) charges.forEach(undo)
  for (const charge of charges) record(charge, denied, evidence)
  if (!denied) return passed
  const denial = refusal(charges, evidence)
  if (!shadow) return denial
  evidence.shadow ??= denial.code
  return passed
}

function record({ limiter, store, taken }: Charge, denied: boolean, evidence: Evidence): void {
  if (taken === undefined) {
    limiter.tallies[store].unavailable.inc()
    return
  }
  const { allowed, remaining, wait } = taken
  limiter.tallies[store][allowed ? 'allow' : 'refuse'].inc()
  evidence.limits.push({
    limit: limiter.name,
    allowed,
    quota: limiter.quota.count,
    period: limiter.quota.period / 1_000_000,
    remaining: remaining + Number(denied && allowed), // what was given back
    reset: wait / 1_000_000,
    reported: limiter.reported,
    store,
  } satisfies LimitReport)
}

function refusal(charges: readonly Charge[], evidence: Evidence) {
  const unchecked = charges.filter(({ taken }) => taken === undefined)
  if (unchecked.length > 0) return deny('limits_unavailable', `cannot check ${names(unchecked)}`)
  return deny('rate_limited', `used up: ${names(charges.filter(refused))}`, refusalHeaders(evidence))
}

function names(charges: readonly Charge[]): string {
  return charges.map(({ limiter }) => limiter.name).join(', ')
}
