/**
 * The keys of one source, kept fresh.
 *
 * Looking up is synchronous and rests on the last good load. Loading is paced: one at a time for however many waiters,
 * at most one per cooldown in every state, also while it fails, so that no flood of unknown key ids and no broken
 * endpoint turns requests into fetches.
 *
 * @module
 */
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import type { Algorithm } from '../jwt/algorithms.ts'
import { readJwks } from './jwks.ts'
import type { Key } from './key.ts'
import { failed, type Loaded, type LoadKeys, type LoadOutcome, type Pace } from './source.ts'

const DEADLINE = 2000
const MOST_CANDIDATES = 4

export interface KeySetStatus {
  /** Name of the authenticator that asked for the keys first. */
  readonly authenticator: string
  /** True while there are keys to believe. */
  readonly ready: boolean
  /** Milliseconds since the load that the keys come from; absent before the first. */
  readonly age_ms?: number
  /** How the last load failed; absent when it did not. */
  readonly last_error?: string
}

export interface KeySet {
  /**
   * Finds the keys that may have signed: those called `kid`, or without one up to four that suit the algorithm.
   *
   * @returns none when no key fits, undefined when there are no keys to believe at all
   */
  find(kid: string | undefined, algorithm: Algorithm): readonly Key[] | undefined
  /** True while `key` stands in the set. */
  trusts(key: Key): boolean
  /** Loads again, or joins the load under way: done within two seconds. Undefined during the cooldown. */
  refresh(): Promise<void> | undefined
  status(): KeySetStatus
}

/** What a key set tells and asks of its surroundings. */
export interface KeySetContext {
  readonly authenticator: string
  readonly metrics: Metrics
  readonly log: Logger
  /** Milliseconds that only ever grow. */
  readonly monotonic: () => number
}

/** A key set that loads itself from its making until `stop`. */
export class LoadedKeySet implements KeySet {
  readonly #load: LoadKeys
  readonly #pace: Pace
  readonly #context: KeySetContext
  #keys = new Map<string, Key>()
  #text: string | undefined
  #loaded_at = Number.NEGATIVE_INFINITY
  #started_at = Number.NEGATIVE_INFINITY
  #last_error: string | undefined
  #loading: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(load: LoadKeys, pace: Pace, context: KeySetContext) {
    this.#load = load
    this.#pace = pace
    this.#context = context
    void this.refresh()
  }

  find(kid: string | undefined, algorithm: Algorithm): readonly Key[] | undefined {
    if (!this.#isBelieved()) return undefined
    const found: Key[] = []
    for (const key of this.#keys.values()) {
      if ((kid === undefined || key.kid === kid) && key.algorithms.includes(algorithm)) found.push(key)
      if (found.length === MOST_CANDIDATES) break
    }
    return found
  }

  trusts(key: Key): boolean {
    return this.#keys.get(key.fingerprint) === key && this.#isBelieved()
  }

  refresh(): Promise<void> | undefined {
    if (this.#loading !== undefined) return this.#loading
    const now = this.#context.monotonic()
    if (now - this.#started_at < this.#pace.cooldown) return undefined
    this.#started_at = now
    this.#loading = this.#run(now).finally(() => {
      this.#loading = undefined
      this.#schedule()
    })
    return this.#loading
  }

  status(): KeySetStatus {
    const age_ms = this.#age()
    if (Number.isFinite(age_ms))
      this.#context.metrics.keySetAge.set({ authenticator: this.#context.authenticator }, age_ms / 1000)
    return {
      authenticator: this.#context.authenticator,
      ready: this.#isBelieved(),
      ...(Number.isFinite(age_ms) && { age_ms: Math.round(age_ms) }),
      ...(this.#last_error !== undefined && { last_error: this.#last_error }),
    }
  }

  /** Ends the background loads. Requests that still hold the set go on with its keys. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #age(): number {
    return this.#context.monotonic() - this.#loaded_at
  }

  #isBelieved(): boolean {
    return this.#keys.size > 0 && this.#age() <= this.#pace.max_stale
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#stopped) return
    const { cooldown, refresh } = this.#pace
    const wait = this.#last_error === undefined ? Math.max(refresh, cooldown) : cooldown
    // Timers may be a little early by this clock: then the cooldown is not over yet, and the next one loads.
    this.#timer = setTimeout(() => void (this.refresh() ?? this.#schedule()), wait).unref()
  }

  async #run(started_at: number): Promise<void> {
    const loaded = await withDeadline(this.#load)
    const outcome = loaded.kind === 'failed' ? loaded : await this.#adopt(loaded.text, started_at)
    this.#report(outcome)
  }

  /** Puts a good set in force, counting its age from the start of the load. */
  async #adopt(text: string, started_at: number): Promise<Loaded> {
    if (text !== this.#text) {
      const set = await readJwks(text)
      if (set === undefined) return failed('malformed', 'not a JWKS')
      const { authenticator, metrics } = this.#context
      for (const reason of set.refused) metrics.keySetRefused.inc({ authenticator, reason })
      if (set.keys.length === 0) return failed('empty', 'no usable key')
      // A key that is still there stays the same object: what it verified goes on being believed.
      this.#keys = new Map(set.keys.map((key) => [key.fingerprint, this.#keys.get(key.fingerprint) ?? key]))
      this.#text = text
      metrics.keySetKeys.set({ authenticator }, this.#keys.size)
    }
    this.#loaded_at = started_at
    return { kind: 'loaded', text }
  }

  #report(ended: Loaded): void {
    const { authenticator, metrics, log } = this.#context
    const outcome: LoadOutcome = ended.kind === 'failed' ? ended.outcome : 'ok'
    const error = ended.kind === 'failed' ? `${ended.outcome}: ${ended.note}` : undefined
    metrics.keySetFetches.inc({ authenticator, outcome })
    if (error !== this.#last_error) {
      if (error !== undefined) log.warn({ authenticator, error }, 'issuer keys not loaded')
      else log.info({ authenticator, keys: this.#keys.size }, 'issuer keys loaded again')
    }
    this.#last_error = error
    this.status()
  }
}

/** Ends a load in time even when it pays no heed to its signal. */
async function withDeadline(load: LoadKeys): Promise<Loaded> {
  const { promise, resolve } = Promise.withResolvers<Loaded>()
  const controller = new AbortController()
  const timer = setTimeout(() => {
    controller.abort()
    resolve(failed('timeout', 'took longer than two seconds'))
  }, DEADLINE)
  try {
    return await Promise.race([load(controller.signal), promise])
  } finally {
    clearTimeout(timer)
  }
}
