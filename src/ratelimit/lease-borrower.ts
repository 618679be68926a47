/**
 * A borrower: counts the limits of one process with tokens of the lender (`lease.ts` says what that promises).
 *
 * Tokens at hand answer at once. Else the requests of one turn of the event loop ask together, and who asks again within
 * a second gets twice as many to hold, so that keys that are rarely asked for cost one message, and busy ones nearly none.
 *
 * @module
 */
import type { Eventually } from '#request/verdict.ts'

import type { Counter } from './counter.ts'
import { newLease, receive, refusal, spend, type Lease } from './lease-held.ts'
import { ASK_PATIENCE, LEASE } from './lease.ts'
import type { Ask, Borrowing, Grant, Lending, Place, Return } from './lease.ts'
import { createMemoryStore, type MemoryCounter } from './memory.ts'
import type { Quota, Taken } from './window.ts'

export interface BorrowerOptions {
  /** How many borrowers there are. */
  readonly borrowers: number
  /** Says something to the lender. */
  readonly tell: (borrowing: Borrowing) => void
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Calls at the end of this turn of the event loop. */
  readonly soon: (call: () => void) => void
  /** Called when the lender stops answering in time, and when it answers again. */
  readonly onTurn: (to: 'away' | 'back') => void
}

const MOST = 50_000

export class Borrower {
  readonly #options: BorrowerOptions
  /** By limit, then by key; the oldest first. */
  readonly #leases = new Map<string, Map<string, Lease>>()
  readonly #asking = new Set<Lease>()
  readonly #own: ReturnType<typeof createMemoryStore>
  #returns: Return[] = []
  #asks = new Set<Lease>()
  #count = 0
  #planned = false
  #away = false

  constructor(options: BorrowerOptions) {
    this.#options = options
    this.#own = createMemoryStore({ now: options.now, most: MOST })
  }

  /** Makes the counter of one limit; those of one id share their tokens. */
  counter(id: string, quota: Quota): Counter {
    const share = Math.max(1, Math.floor(quota.count / this.#options.borrowers))
    const own = this.#own.counter(id, { ...quota, count: share })
    const leases = this.#leases.get(id) ?? new Map<string, Lease>()
    this.#leases.set(id, leases)
    return {
      take: (key) => this.#take(leases.get(key) ?? this.#open({ id, key }, quota), own),
      giveBack: (key, at) => (at < 0 ? own.giveBack(key, -at) : this.#giveBack({ id, key }, 1, at, false)),
    }
  }

  hear({ grants, recalls }: Lending): void {
    if (this.#away && grants.length > 0) this.#turn('back')
    for (const grant of grants) this.#receive(grant)
    for (const place of recalls) {
      const lease = this.#find(place)
      this.#giveBack(place, lease?.tokens ?? 0, lease?.at ?? 0)
      if (lease !== undefined) lease.tokens = 0
    }
  }

  /** To be called some ten times a second: gives back what was held for too long, and up on answers that do not come. */
  look(): void {
    const now = this.#options.now()
    for (const lease of this.#asking) if (now - (lease.asked ?? now) > ASK_PATIENCE) this.#giveUp(lease)
    for (const lease of this.#all()) if (now >= lease.until) this.#close(lease)
  }

  *#all(): Generator<Lease> {
    for (const leases of this.#leases.values()) yield* leases.values()
  }

  #find({ id, key }: Place): Lease | undefined {
    return this.#leases.get(id)?.get(key)
  }

  #open(place: Place, quota: Quota): Lease {
    if (this.#count >= MOST) for (const old of this.#all()) if (this.#close(old)) break
    const lease = newLease(place, quota, this.#options.now() + LEASE)
    this.#leases.get(place.id)?.set(place.key, lease)
    this.#count += 1
    return lease
  }

  /** Forgets a lease that owes nobody an answer, and says whether it did. */
  #close(lease: Lease): boolean {
    if (lease.asked !== undefined || lease.waiting.length > 0) return false
    if (lease.tokens > 0) this.#giveBack(lease, lease.tokens, lease.at)
    this.#leases.get(lease.id)?.delete(lease.key)
    this.#count -= 1
    return true
  }

  #take(lease: Lease, own: MemoryCounter): Eventually<Taken> {
    const now = this.#options.now()
    if (lease.tokens > 0 && now < lease.until) return spend(lease, now)
    if (now < lease.refused) return refusal(lease, now)
    if (this.#away) return takeOwn(lease, own)
    if (lease.tokens > 0) this.#giveBack(lease, lease.tokens, lease.at)
    lease.tokens = 0
    return new Promise((resolve) => {
      lease.waiting.push((taken) => resolve(taken ?? takeOwn(lease, own)))
      if (lease.asked === undefined) this.#ask(lease)
    })
  }

  #giveBack(place: Place, tokens: number, at: number, all = true): void {
    const lease = this.#find(place)
    if (lease !== undefined) lease.refused = 0
    this.#returns.push({ id: place.id, key: place.key, tokens, at, all })
    this.#plan()
  }

  #ask(lease: Lease): void {
    this.#asks.add(lease)
    this.#plan()
  }

  #plan(): void {
    if (this.#planned) return
    this.#planned = true
    this.#options.soon(() => this.#send())
  }

  #send(): void {
    const now = this.#options.now()
    const asks = [...this.#asks].map((lease): Ask => {
      const { id, key, quota, waiting, more } = lease
      lease.asked = now
      lease.wanted = waiting.length
      this.#asking.add(lease)
      return { id, key, quota, want: waiting.length, more }
    })
    const returns = this.#returns
    this.#planned = false
    this.#asks = new Set()
    this.#returns = []
    this.#options.tell({ returns, asks })
  }

  #receive(grant: Grant): void {
    const lease = this.#find(grant)
    if (lease === undefined) return this.#giveBack(grant, grant.tokens, grant.at)
    const now = this.#options.now()
    this.#asking.delete(lease)
    const isShort = receive(lease, grant, now)
    const served = lease.waiting.splice(0, isShort ? Infinity : lease.tokens)
    for (const answer of served) answer(lease.tokens > 0 ? spend(lease, now) : refusal(lease, now))
    if (lease.waiting.length > 0) this.#ask(lease)
  }

  /** Lets those who wait count by our own share; the answer may still come. */
  #giveUp(lease: Lease): void {
    if (!this.#away) this.#turn('away')
    for (const answer of lease.waiting.splice(0)) answer(undefined)
  }

  #turn(to: 'away' | 'back'): void {
    this.#away = to === 'away'
    this.#options.onTurn(to)
  }
}

/** Counts by our own share; a moment below zero tells such requests apart when they are given back. */
function takeOwn({ key }: Place, own: MemoryCounter): Taken {
  const taken = own.take(key)
  return { ...taken, at: -taken.at }
}
