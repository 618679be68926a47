/**
 * The lender: owns the windows of all limits, and lends tokens to borrowers (`lease.ts` says what that promises).
 *
 * @module
 */
import {
  LEASE,
  MOST_HELD,
  nameOf,
  RECALL_PATIENCE,
  type Ask,
  type Borrowing,
  type Grant,
  type Lending,
  type Place,
} from './lease.ts'
import { createMemoryStore, type MemoryCounter } from './memory.ts'
import type { TakenMany } from './window.ts'

export interface LenderOptions {
  /** How many borrowers there are. */
  readonly borrowers: number
  /** Says something to a borrower. */
  readonly tell: (borrower: number, lending: Lending) => void
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Calls later, in so many milliseconds. */
  readonly after: (milliseconds: number, call: () => void) => void
  /** Most windows over all limits. */
  readonly most?: number
}

/** An ask that got less than it wants, or that came while tokens are called back. */
interface Waiting {
  readonly borrower: number
  readonly ask: Ask
  readonly got: number
}

/** A key whose tokens are being called back from those who may hold some. */
interface Recall {
  readonly missing: Set<number>
  readonly waiting: Waiting[]
}

const GRAIN = 32 // half of the error that the promise allows; the other half is what may be held
const MOST = 100_000

export class Lender {
  readonly #options: LenderOptions
  readonly #store: ReturnType<typeof createMemoryStore>
  readonly #counters = new Map<string, MemoryCounter>()
  readonly #recalls = new Map<string, Recall>()
  /** Who may hold unused tokens under a key, and since when; keys that were lent longest ago first. */
  readonly #held = new Map<string, Map<number, number>>()
  readonly #outbox = new Map<number, { grants: Grant[]; recalls: Place[] }>()

  constructor(options: LenderOptions) {
    this.#options = options
    this.#store = createMemoryStore({ now: options.now, most: options.most ?? MOST })
  }

  /** How many windows there are. */
  get size(): number {
    return this.#store.size
  }

  hear(borrower: number, { returns, asks }: Borrowing): void {
    for (const { tokens, at, all, ...place } of returns) {
      const counter = this.#counters.get(place.id)
      for (let left = tokens; left > 0; left -= 1) counter?.giveBack(place.key, at)
      if (all) this.#holdsNothing(nameOf(place), borrower)
    }
    for (const ask of asks) this.#lend({ borrower, ask })
    this.#send()
  }

  /** A borrower is gone: nothing will come back from it. */
  leave(borrower: number): void {
    for (const name of [...this.#held.keys(), ...this.#recalls.keys()]) this.#holdsNothing(name, borrower)
    this.#send()
  }

  #lend(asked: Omit<Waiting, 'got'>): void {
    const { borrower, ask } = asked
    const name = nameOf(ask)
    const recall = this.#recalls.get(name)
    if (recall !== undefined) return void recall.waiting.push({ ...asked, got: 0 })
    const taken = this.#counterOf(ask).takeUpTo(ask.key, ask.want)
    const isShort = taken.tokens < ask.want
    const others = isShort ? this.#holders(name).filter((holder) => holder !== borrower) : []
    if (others.length === 0) this.#grant(borrower, ask, taken)
    else this.#recall(others, { borrower, ask, got: taken.tokens })
  }

  /** Hands over what was taken, and some to hold. */
  #grant(borrower: number, ask: Ask, taken: TakenMany): void {
    const { id, key, quota, more } = ask
    const part = (of: number, parts: number) => Math.floor(of / (parts * this.#options.borrowers))
    const most = Math.min(more, MOST_HELD, part(taken.remaining, 4), part(quota.count, GRAIN))
    if (most === 0) return void this.#outgoing(borrower).grants.push({ id, key, ...taken })
    const held = this.#counterOf(ask).takeUpTo(key, most)
    this.#hold(nameOf(ask), borrower)
    this.#outgoing(borrower).grants.push({ id, key, ...held, tokens: taken.tokens + held.tokens })
  }

  #recall(holders: readonly number[], first: Waiting): void {
    const { id, key } = first.ask
    const recall = { missing: new Set(holders), waiting: [first] }
    this.#recalls.set(nameOf(first.ask), recall)
    for (const holder of holders) this.#outgoing(holder).recalls.push({ id, key })
    this.#options.after(RECALL_PATIENCE, () => this.#conclude(nameOf(first.ask), recall))
  }

  /** Answers all who waited for a recall, with what came back. */
  #conclude(name: string, recall: Recall): void {
    if (this.#recalls.get(name) !== recall) return
    this.#recalls.delete(name)
    for (const { borrower, ask, got } of recall.waiting) {
      const more = this.#counterOf(ask).takeUpTo(ask.key, ask.want - got)
      this.#grant(borrower, ask, { ...more, tokens: got + more.tokens })
    }
    this.#send()
  }

  #holdsNothing(name: string, borrower: number): void {
    const holders = this.#held.get(name)
    if (holders?.delete(borrower) === true && holders.size === 0) this.#held.delete(name)
    const recall = this.#recalls.get(name)
    recall?.missing.delete(borrower)
    if (recall?.missing.size === 0) this.#conclude(name, recall)
  }

  #holders(name: string): number[] {
    return [...(this.#held.get(name)?.keys() ?? [])]
  }

  #hold(name: string, borrower: number): void {
    const holders = this.#held.get(name) ?? new Map<number, number>()
    const now = this.#options.now()
    this.#held.delete(name)
    this.#held.set(name, holders.set(borrower, now))
    for (const [oldest, since] of this.#held) {
      if (Math.max(...since.values()) > now - 3 * LEASE) break
      this.#held.delete(oldest)
    }
  }

  #counterOf({ id, quota }: Ask): MemoryCounter {
    const counter = this.#counters.get(id) ?? this.#store.counter(id, { ...quota, grain: GRAIN })
    this.#counters.set(id, counter)
    return counter
  }

  #outgoing(borrower: number) {
    const box = this.#outbox.get(borrower) ?? { grants: [], recalls: [] }
    this.#outbox.set(borrower, box)
    return box
  }

  #send(): void {
    for (const [borrower, lending] of this.#outbox) this.#options.tell(borrower, lending)
    this.#outbox.clear()
  }
}
