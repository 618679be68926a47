/**
 * Who asks, and how often: identities of three kinds, drawn by Zipf's law.
 *
 * @module
 */

export type Kind = 'token' | 'session' | 'key'

/** Of twenty identities fourteen have tokens, five have sessions, one has a key: 70, 25 and 5 %. */
export function kindOf(identity: number): Kind {
  const place = identity % 20
  if (place < 14) return 'token'
  return place < 19 ? 'session' : 'key'
}

export function subjectOf(identity: number): string {
  return `person-${identity}`
}

/** A number from 0 up to 1. */
export type Chance = () => number

/** The same numbers in every run (mulberry32). */
export function newChance(seed: number): Chance {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The numbers below `count` in an order left to chance. */
export function shuffled(count: number, chance: Chance): Uint32Array {
  const all = Uint32Array.from({ length: count }, (_, index) => index)
  for (let last = count - 1; last > 0; last -= 1) {
    const other = Math.floor(chance() * (last + 1))
    const [one = 0, two = 0] = [all[last], all[other]]
    all[last] = two
    all[other] = one
  }
  return all
}

/** Draws ranks below `count`, the n-th of them with a chance of 1/n against the first (s = 1). */
export function zipf(count: number, chance: Chance): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank += 1) sums[rank] = sum += 1 / (rank + 1)
  return () => {
    const wanted = chance() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}
