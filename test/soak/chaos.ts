/**
 * Random faults of all neighbours, the same for the same seed: two at once at most, never two of one neighbour.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

import type { Fault } from '../support/episode.ts'
import type { Scene } from '../support/scenario.ts'
import { repertoire, type Neighbour } from './repertoire.ts'

/** A fault that was; times of `performance.now()`. */
export interface Spell {
  readonly neighbour: Neighbour
  readonly what: string
  readonly from: number
  /** Infinity while it lasts. */
  to: number
}

/** A number from 0 to 1 each time. */
export type Random = () => number

/** Random numbers by a seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface Chaos {
  readonly spells: readonly Spell[]
  /** Ends what lasts, and begins nothing more. */
  stop(): Promise<void>
}

const HANDS = 2
const LONGEST = 12_000 // milliseconds
const SHORTEST = 500
const LONGEST_REST = 6000

/** Starts it; each hand breaks one neighbour after another, and rests in between. */
export function startChaos(scene: Scene, seed: number): Chaos {
  const spells: Spell[] = []
  const broken = new Set<Neighbour>()
  const stopping = new AbortController()
  const wait = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined)

  const live = async (fault: Fault, spell: Spell, ms: number) => {
    spells.push(spell)
    broken.add(spell.neighbour)
    try {
      await fault.begin()
      await wait(ms)
    } finally {
      await fault.end()
      spell.to = performance.now()
      broken.delete(spell.neighbour)
    }
  }

  const hand = async (index: number) => {
    const random = seeded(seed + index)
    while (!stopping.signal.aborted) {
      await wait(random() * LONGEST_REST)
      const { neighbour, what, fault } = repertoire(scene, random)
      const ms = SHORTEST + random() ** 2 * (LONGEST - SHORTEST) // short ones are more frequent
      if (stopping.signal.aborted || broken.has(neighbour)) continue
      await live(fault, { neighbour, what, from: performance.now(), to: Infinity }, ms)
    }
  }
  const hands = Promise.all(Array.from({ length: HANDS }, (_, index) => hand(index)))
  return {
    spells,
    async stop() {
      stopping.abort()
      await hands
    },
  }
}
