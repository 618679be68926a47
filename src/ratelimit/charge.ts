/**
 * A charge: one request counted under one limit.
 *
 * @module
 */
import type { LimitReport } from '#request/evidence.ts'
import type { Eventually } from '#request/verdict.ts'

import type { Counter } from './counter.ts'
import type { LimitSubject } from './key.ts'
import type { Limiter, SharedLimiter } from './limiter.ts'
import type { Taken } from './window.ts'

export interface Charge {
  readonly limiter: Limiter
  readonly key: string
  readonly store: LimitReport['store']
  /** Where it was counted; absent when nowhere. */
  readonly counter: Counter | undefined
  /** Absent when the limit could not be checked and says `on_store_down: deny`. */
  readonly taken: Taken | undefined
}

/** Counts in this process, or with those that serve the same port: at once unless these have to be asked. */
export function chargeMemory(limiter: Limiter, subject: LimitSubject, store: Charge['store']): Eventually<Charge> {
  const { memory: counter } = limiter
  const key = limiter.keyOf(subject)
  const taken = counter.take(key)
  if (taken instanceof Promise) return taken.then((taken) => ({ limiter, key, store, counter, taken }))
  return { limiter, key, store, counter, taken }
}

/** Counts in Redis, or where `on_store_down` says when it is away. */
export async function chargeShared(limiter: SharedLimiter, subject: LimitSubject): Promise<Charge> {
  const { redis: counter } = limiter
  const key = limiter.keyOf(subject)
  try {
    return { limiter, key, store: 'redis', counter, taken: await counter.take(key) }
  } catch {
    return chargeFallback(limiter, subject)
  }
}

function chargeFallback(limiter: Limiter, subject: LimitSubject): Eventually<Charge> {
  if (limiter.onStoreDown === 'local') return chargeMemory(limiter, subject, 'fallback')
  const free = { allowed: true, remaining: limiter.quota.count, wait: 0, at: 0 }
  const taken = limiter.onStoreDown === 'allow' ? free : undefined
  return { limiter, key: '', store: 'fallback', counter: undefined, taken }
}

export function refused(charge: Charge): boolean {
  return charge.taken?.allowed !== true
}

/** Takes the charge back, because the request is refused by another. */
export function undo({ counter, key, taken }: Charge): void {
  if (taken?.allowed === true) counter?.giveBack(key, taken.at)
}
