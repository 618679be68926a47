/**
 * Ended sessions: some are ended during the run and asked for on and on, to see for how long they are let through.
 *
 * @module
 */
import type { Chance } from './people.ts'
import { kindOf } from './people.ts'
import type { Ending } from './plan.ts'

const BELIEVED = 5000 // milliseconds for which the gateway promises to believe what it knows
const ASKED_EVERY = 250
const ASKED_FOR = 8000
const SHARE = 0.01

export interface Endings {
  /** Whether the session of an identity was ended, or is about to be. */
  has(identity: number): boolean
  /** Takes an answer to a request for one. */
  note(identity: number, status: number, sent: number): void
  /** Ends sessions, evenly over some milliseconds. */
  start(span: number): void
  findings(): Ending
}

export interface EndingDeps {
  readonly identities: number
  readonly chance: Chance
  readonly end: (identity: number) => Promise<void>
  /** Sends a request with the session of an identity. */
  readonly ask: (identity: number) => void
}

/** Prepares to end one session of a hundred. */
export function newEndings({ identities, chance, end, ask }: EndingDeps): Endings {
  const ended = new Map<number, number>() // by identity: when the directory had it; Infinity before
  let [asked, refused, longest, late] = [0, 0, 0, 0]

  const pick = (): number => {
    const identity = Math.floor(chance() * identities)
    return kindOf(identity) === 'session' && !ended.has(identity) ? identity : pick()
  }
  const endOne = async () => {
    const identity = pick()
    ended.set(identity, Number.POSITIVE_INFINITY)
    ask(identity) // so that it is known well when it ends
    ask(identity)
    await new Promise((resolve) => setTimeout(resolve, ASKED_EVERY))
    await end(identity)
    ended.set(identity, performance.now())
    const timer = setInterval(() => ask(identity), ASKED_EVERY)
    setTimeout(() => clearInterval(timer), ASKED_FOR)
  }

  return {
    has: (identity) => ended.has(identity),
    note(identity, status, sent) {
      const after = sent - (ended.get(identity) ?? Number.POSITIVE_INFINITY)
      if (after < 0) return
      asked += 1
      if (status === 401) refused += 1
      if (status !== 200) return
      longest = Math.max(longest, after)
      if (after > BELIEVED) late += 1
    },
    start(span) {
      const count = Math.max(1, Math.round(identities * 0.25 * SHARE))
      for (let index = 0; index < count; index += 1) setTimeout(() => void endOne(), (index * span) / count)
    },
    findings: () => ({ ended: ended.size, asked, refused, longest, late }),
  }
}
