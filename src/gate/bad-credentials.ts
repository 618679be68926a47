/**
 * Bad credentials: how many a client may have checked in vain.
 *
 * A credential that nothing is known of costs a signature check or a lookup, and whoever makes them up has no end of them.
 * Once too many of a client's were bad, no more work is done for it until some of them are a period old. What memory knows
 * still passes, so neighbours behind one address who have proved who they are go on; so does what costs no work to refuse.
 *
 * @module
 */
import type { Counter } from '#ratelimit/counter.ts'
import { clientNetwork } from '#ratelimit/keys/client.ts'
import { rememberFull } from '#ratelimit/full.ts'
import { createMemoryStore, type MemoryCounter } from '#ratelimit/memory.ts'
import type { SharedCounters } from '#ratelimit/shared.ts'
import type { Quota, Taken } from '#ratelimit/window.ts'
import type { Asker } from '#request/asker.ts'
import type { DenialCode } from '#request/denial.ts'
import { deny, type Deny } from '#request/verdict.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import type { Rate } from '#values/units.ts'

/** One request's asker. */
export interface ClientAsker extends Asker {
  /** Puts the refusal of a credential down to the client, if it is to blame and took work. */
  charge(code: DenialCode): void
}

/** Makes the asker of a client, by its address. */
export type AskerFor = (address: string) => ClientAsker

export interface BadCredentialsDeps {
  readonly metrics: Metrics
  readonly log: Logger
  /** Monotonic milliseconds. */
  readonly now?: () => number
  /** Most clients that are counted at once; those not heard of for longest are forgotten first. */
  readonly most?: number
  /** Makes the counters that the processes on one port share; absent: this one serves alone. */
  readonly leased?: SharedCounters | undefined
}

/** Counts of a process; they live across reloads that leave the rate as it is. */
export interface BadCredentials {
  askers(rate: Rate | 'off'): AskerFor
}

type ClientCounter = Counter & Pick<MemoryCounter, 'full'>

/** What clients have on their account under one rate. */
interface Counts {
  /** Refuses a client that has used up its rate. */
  held(client: string): Deny | undefined
  charge(client: string): void
}

/** Refusals for which the client is to blame. An expired token is none: claims are read before the signature is checked. */
const bad: ReadonlySet<DenialCode> = new Set<DenialCode>(['invalid_token', 'invalid_session', 'invalid_api_key'])

const MOST_CLIENTS = 20_000
const TELL_EVERY = 1000 // milliseconds

/** As the limit key `client` tells them apart by default. */
const prefix = { ipv4: 32, ipv6: 64 }

/**
 * Makes the counts of a process.
 *
 * @denies too_many_failures with `Retry-After` while the client's bad credentials are at the rate
 */
export function createBadCredentials(deps: BadCredentialsDeps): BadCredentials {
  const { metrics, log, now = () => performance.now(), most = MOST_CLIENTS } = deps
  const store = createMemoryStore({ now, most })
  let told = Number.NEGATIVE_INFINITY

  const tell = (client: string) => {
    if (now() - told < TELL_EVERY) return
    told = now()
    log.warn({ client }, 'too many bad credentials')
  }

  const uncounted: Counts = { held: () => undefined, charge: () => metrics.badCredentials.inc() }

  const counterOf = (id: string, quota: Quota): ClientCounter => {
    const shared = deps.leased?.(`bad_credentials:${id}`, quota)
    return shared === undefined ? store.counter(id, quota) : rememberFull(shared, { now, most })
  }

  const counted = ({ count, period }: Rate): Counts => {
    const counter = counterOf(`${count}/${period}`, { count, period: period * 1000 })
    const note = (client: string, { remaining }: Taken) => remaining === 0 && tell(client)
    return {
      held(client) {
        const wait = counter.full(client)
        if (wait === 0) return undefined
        const headers = { 'Retry-After': String(Math.ceil(wait / 1_000_000)) }
        return deny('too_many_failures', `${count} bad credentials of ${client}`, headers)
      },
      charge(client) {
        metrics.badCredentials.inc()
        const taken = counter.take(client)
        if (taken instanceof Promise) void taken.then((late) => note(client, late))
        else note(client, taken)
        metrics.cacheEntries.set({ cache: 'bad_credentials' }, store.size)
      },
    }
  }

  return {
    askers(rate) {
      const counts = rate === 'off' ? uncounted : counted(rate)
      return (address) => new OneRequest(address, counts)
    },
  }
}

/** One is made for every request, and most never need the client's network. */
class OneRequest implements ClientAsker {
  readonly #address: string
  readonly #counts: Counts
  #network: string | undefined
  #worked = false

  constructor(address: string, counts: Counts) {
    this.#address = address
    this.#counts = counts
  }

  get client(): string {
    this.#network ??= clientNetwork(this.#address, prefix) ?? this.#address
    return this.#network
  }

  refuseWork(): Deny | undefined {
    const refusal = this.#counts.held(this.client)
    this.#worked = refusal === undefined
    return refusal
  }

  charge(code: DenialCode): void {
    if (this.#worked && bad.has(code)) this.#counts.charge(this.client)
  }
}
