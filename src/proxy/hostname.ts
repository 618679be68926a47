/**
 * The name of a target, and the addresses it has.
 *
 * Node asks the system for every connection and never again for one that is kept, and a resolver that hangs would hold
 * up requests whose addresses have long been known. Here an answer counts for five seconds, as the system tells no TTL;
 * the last good one stays when there is no newer, and is told when connections should move with the name.
 *
 * @module
 */
import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'

/** Asks for the addresses of a name, in the order of preference. */
export type Resolve = (name: string) => Promise<readonly LookupAddress[]>

/** Asks the system, as its configuration says: hosts file, search domains, DNS. */
export const askSystem: Resolve = (name) => lookup(name, { all: true })

export interface HostnameOptions {
  readonly resolve: Resolve
  /** Milliseconds an answer counts; 5 s unless told otherwise. */
  readonly freshFor?: number
  /** Called when connections made so far should be let go, since an address they may have is no longer one of the name. */
  readonly moved: (addresses: readonly string[]) => void
  /** Called once with the reason when names can no longer be resolved, and once without when they can. */
  readonly failing: (reason?: Error) => void
}

const FRESH = 5000
const RETRY = 1000 // milliseconds after a failure
const PATIENCE = 250 // milliseconds a connection waits for a newer answer while there is an older
const SETTLED = 60_000 // milliseconds between moves to addresses of which some were known

type Answer = (error: Error | null, addresses: LookupAddress[]) => void

export class Hostname {
  /** True while the last good answer stands in for a newer one. */
  failing = false
  #name: string
  #options: HostnameOptions
  #known: readonly LookupAddress[] = []
  /** Addresses that connections may have. */
  #used = new Set<string>()
  #freshUntil = -Infinity
  #movedAt = -Infinity
  #asking: Promise<void> | undefined
  #askedAt = 0
  #turn = 0

  constructor(name: string, options: HostnameOptions) {
    this.#name = name
    this.#options = options
  }

  /** Asks anew, in the background, when the answer is old. */
  look(): void {
    if (performance.now() >= this.#freshUntil) this.#ask().catch(() => {})
  }

  /** For `net.connect`: each connection begins with another of the addresses. */
  readonly lookup: LookupFunction = (_name, options, done) => {
    const answer: Answer = (error, addresses) => {
      const [first] = addresses
      if (options.all === true || first === undefined) done(error, addresses)
      else done(error, first.address, first.family)
    }
    if (performance.now() < this.#freshUntil) answer(null, this.#inTurn())
    else this.#answerLater(answer)
  }

  #answerLater(answer: Answer): void {
    const settle = (error: Error | null) => {
      clearTimeout(timer)
      const addresses = this.#inTurn()
      answer(addresses.length === 0 ? error : null, addresses)
      settled = true
    }
    let settled = false
    const asking = this.#ask()
    const left = this.#known.length === 0 ? Infinity : this.#askedAt + PATIENCE - performance.now()
    const giveUp = () => {
      const late = new Error(`no answer within ${PATIENCE} ms`)
      this.#failed(late)
      settle(late)
    }
    const timer = left === Infinity ? undefined : setTimeout(giveUp, Math.max(0, left))
    asking.then(
      () => settled || settle(null),
      (error: Error) => settled || settle(error),
    )
  }

  /** One question at a time: each that hangs holds a thread of node's few. */
  #ask(): Promise<void> {
    if (this.#asking !== undefined) return this.#asking
    this.#askedAt = performance.now()
    this.#asking = this.#options
      .resolve(this.#name)
      .then(
        (found) => this.#adopt(found),
        (error: Error) => {
          this.#failed(error)
          throw error
        },
      )
      .finally(() => {
        this.#asking = undefined
      })
    return this.#asking
  }

  #adopt(found: readonly LookupAddress[]): void {
    const now = performance.now()
    const addresses = new Set(found.map(({ address }) => address))
    const settled = now - this.#movedAt >= SETTLED
    const leaves = !this.#used.isSubsetOf(addresses)
    const stays = !this.#used.isDisjointFrom(addresses)
    this.#known = found
    this.#freshUntil = now + (this.#options.freshFor ?? FRESH)
    if (this.failing) this.#options.failing()
    this.failing = false
    // some zones tell another part of a long list each time: that alone must not end all connections again and again
    if (leaves && (!stays || settled)) {
      this.#used = addresses
      this.#movedAt = now
      this.#options.moved([...addresses])
    } else for (const address of addresses) this.#used.add(address)
  }

  #failed(error: Error): void {
    this.#freshUntil = this.#known.length === 0 ? -Infinity : performance.now() + RETRY
    if (!this.failing) this.#options.failing(error)
    this.failing = true
  }

  /** Addresses of the preferred family in turn, then the others. */
  #inTurn(): LookupAddress[] {
    const family = this.#known[0]?.family
    const preferred = this.#known.filter((one) => one.family === family)
    const start = preferred.length === 0 ? 0 : this.#turn++ % preferred.length
    const others = this.#known.filter((one) => one.family !== family)
    return [...preferred.slice(start), ...preferred.slice(0, start), ...others]
  }
}
