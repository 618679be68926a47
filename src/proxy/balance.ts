/**
 * Balancing: which backend of an upstream gets the next attempt.
 *
 * @module
 */
import { createHash } from 'node:crypto'

import type { Backend } from './backend.ts'

/** A backend and its share relative to the others. */
export interface Weighted {
  readonly backend: Backend
  readonly weight: number
}

export type BalanceKind = 'round_robin' | 'least_pending' | 'hash'

/** Picks one of at least one candidate; `key` matters for `hash` only. */
export type Pick = (candidates: readonly Weighted[], key: string) => Backend

/** Makes the picker of a kind; each has its own state. */
export function createPick(kind: BalanceKind): Pick {
  switch (kind) {
    case 'round_robin':
      return roundRobin()
    case 'least_pending':
      return leastPending()
    case 'hash':
      return rendezvous
    default:
      return kind satisfies never
  }
}

/** Smooth weighted round robin: everyone earns its weight each turn, and the richest pays the sum to be picked. */
function roundRobin(): Pick {
  const credit = new Map<Backend, number>()
  return (candidates) => {
    let total = 0
    let richest = candidates[0]
    for (const one of candidates) {
      total += one.weight
      credit.set(one.backend, (credit.get(one.backend) ?? 0) + one.weight)
      if (richest === undefined || balanceOf(one) > balanceOf(richest)) richest = one
    }
    const { backend } = picked(richest)
    credit.set(backend, (credit.get(backend) ?? 0) - total)
    return backend
  }
  function balanceOf({ backend }: Weighted): number {
    return credit.get(backend) ?? 0
  }
}

/** Fewest attempts under way for its weight; ties go round, so that an idle upstream does not send all to the first. */
function leastPending(): Pick {
  let turn = 0
  return (candidates) => {
    turn = (turn + 1) % candidates.length
    let least = candidates[turn]
    for (let step = 1; step < candidates.length; step += 1) {
      const other = candidates[(turn + step) % candidates.length]
      if (other !== undefined && least !== undefined && load(other) < load(least)) least = other
    }
    return picked(least).backend
  }
}

function load({ backend, weight }: Weighted): number {
  return (backend.pending + 1) / weight
}

/** Weighted rendezvous hashing: when a backend leaves, only the keys it had move. */
function rendezvous(candidates: readonly Weighted[], key: string): Backend {
  let best = candidates[0]
  let bestScore = -Infinity
  for (const one of candidates) {
    const score = -one.weight / Math.log(fraction(`${one.backend.name} ${key}`))
    if (score > bestScore) {
      best = one
      bestScore = score
    }
  }
  return picked(best).backend
}

/** A hash of the text, strictly between 0 and 1. */
function fraction(text: string): number {
  return (createHash('sha256').update(text).digest().readUInt32BE(0) + 0.5) / 2 ** 32
}

function picked(one: Weighted | undefined): Weighted {
  if (one === undefined) throw new RangeError('an upstream has at least one target')
  return one
}
