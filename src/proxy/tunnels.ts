/**
 * Upgraded connections that are open: each ends when its handshake would be refused, and all of them with the process.
 *
 * A session, a key or a grant may be gone long before a tunnel is. So every tunnel asks again, through the same lookups
 * and caches as a request; one timer serves them all, and their questions are spread over the period.
 *
 * @module
 */
import { randomInt } from 'node:crypto'

import { denials } from '#request/denial.ts'
import type { Deny, Eventually, Verdict } from '#request/verdict.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'

import { openTunnel, type Ends, type Tunnel } from './tunnel.ts'

/** Why a tunnel ended; of those that we end, with the code of the close frame. */
const farewells = {
  /** The credential's own end has come. */
  expired: 1008,
  /** The handshake would be refused by now. */
  refused: 1008,
  /** Nobody could tell for too long. */
  unproved: 1013,
  drain: 1001,
} as const

/** Label of the metric: ends of our making, or the side that ended first. */
export type TunnelEnd = keyof typeof farewells | 'client' | 'upstream'

export interface TunnelOptions extends Ends {
  /** When the credential ends, in milliseconds since the epoch; absent when it never does. */
  readonly expiresAt: number | undefined
  /** Whether the handshake would still be let through. */
  readonly again: () => Eventually<Verdict<unknown>>
  /** Called once; with the refusal when it is one that ended it. */
  readonly ended: (refusal: Deny | undefined) => void
}

export interface Tunnels {
  /** How many are open. */
  readonly size: number
  /** Takes charge of two connections that are joined. */
  open(options: TunnelOptions): void
  /** Ends all of them: the end of a drain. */
  drain(): void
}

export interface TunnelsDeps {
  readonly metrics: Pick<Metrics, 'tunnels' | 'tunnelsClosed'>
  readonly log: Logger
  /** Wall clock, milliseconds since the epoch. */
  readonly clock: () => number
  /** Milliseconds; only tests give others. */
  readonly rhythm?: Rhythm
}

export interface Rhythm {
  /** Between two looks at all tunnels. */
  readonly tick: number
  /** Between two questions of one tunnel. */
  readonly every: number
  /** Without a byte, until a tunnel is cut that one side has ended. */
  readonly silence: number
}

const RHYTHM: Rhythm = { tick: 100, every: 5000, silence: 60_000 }
const MOST_ASKING = 64
const MOST_DOUBTS = 6 // questions in a row that nobody could answer: half a minute

/** Refusals that are not about the handshake: what it depends on cannot be asked now. */
const passing: ReadonlySet<number> = new Set([429, 503])

/** A tunnel in the register. */
interface Entry extends Pick<TunnelOptions, 'again' | 'ended'> {
  readonly tunnel: Tunnel
  readonly expiresAt: number
  /** Questions in a row that nobody could answer. */
  doubts: number
  /** `performance.now()` of the next question; Infinity while one is open. */
  asksAt: number
}

/** Makes the register. */
export function createTunnels({ metrics, log, clock, rhythm = RHYTHM }: TunnelsDeps): Tunnels {
  const entries = new Set<Entry>()
  let timer: NodeJS.Timeout | undefined
  let asking = 0

  const leave = (entry: Entry, end: TunnelEnd, refusal?: Deny): boolean => {
    if (!entries.delete(entry)) return false
    if (entries.size === 0) clearInterval(timer)
    metrics.tunnels.dec()
    metrics.tunnelsClosed.inc({ reason: end })
    entry.ended(refusal)
    return true
  }

  const close = (entry: Entry, end: keyof typeof farewells, refusal?: Deny): void => {
    if (leave(entry, end, refusal)) entry.tunnel.close(farewells[end])
  }

  const hear = (entry: Entry, verdict: Verdict<unknown> | undefined): void => {
    asking -= 1
    entry.asksAt = performance.now() + rhythm.every
    if (verdict?.kind === 'pass') entry.doubts = 0
    else if (verdict !== undefined && !passing.has(denials[verdict.code].status)) close(entry, 'refused', verdict)
    else if ((entry.doubts += 1) === MOST_DOUBTS) close(entry, 'unproved', verdict)
  }

  const ask = async (entry: Entry): Promise<void> => {
    asking += 1
    entry.asksAt = Infinity
    entries.delete(entry) // to the end of the line: when answers are slow, each has its turn before the first asks again
    entries.add(entry)
    try {
      const verdict = entry.again()
      hear(entry, verdict instanceof Promise ? await verdict : verdict)
    } catch (error) {
      log.error({ err: error }, 'a tunnel could not be judged again')
      hear(entry, undefined)
    }
  }

  const look = (): void => {
    const now = performance.now()
    const wall = clock()
    for (const entry of entries) {
      if (entry.expiresAt <= wall) close(entry, 'expired')
      else if (entry.asksAt <= now && asking < MOST_ASKING) void ask(entry)
    }
  }

  return {
    get size() {
      return entries.size
    },
    open(options) {
      const tunnel = openTunnel(options, rhythm.silence, (first) => leave(entry, first))
      const entry = enter(options, tunnel, rhythm.every)
      if (entries.size === 0) timer = setInterval(look, rhythm.tick).unref()
      entries.add(entry)
      metrics.tunnels.inc()
    },
    drain() {
      for (const entry of entries) close(entry, 'drain')
    },
  }
}

/** @param every milliseconds; the first question comes sooner, since many tunnels may be opened at once */
function enter({ expiresAt = Infinity, again, ended }: TunnelOptions, tunnel: Tunnel, every: number): Entry {
  const asksAt = performance.now() + every - randomInt(Math.ceil(every / 2))
  return { tunnel, expiresAt, again, ended, doubts: 0, asksAt }
}
