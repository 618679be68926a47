/**
 * Where the answer to "who is this" is found, and how a gateway is brought to find it there.
 *
 * @module
 */
import type { CacheLayer } from '#request/evidence.ts'

import { ask, type Sample } from './ask.ts'
import type { Gate, Kind, World } from './world.ts'

export interface Case {
  readonly title: string
  /** Where the answer must come from; decisions with an answer from elsewhere are not counted. */
  readonly layer: CacheLayer
  /** Milliseconds that 99 of 100 decisions must be made in. */
  readonly bar: number
  /** Brings a gateway to it and has everybody ask once. */
  round(world: World, kind: Kind, lanes: number): Promise<Sample[]>
}

/** By then a gateway asks again for what it knows. */
const EXPIRED = 5100

const everybody = (gate: Gate, world: World, kind: Kind, lanes = 16) => ask(gate, world.requests[kind], lanes)

/** A gateway that knows everybody. */
async function acquainted(world: World, kind: Kind): Promise<Gate> {
  const gate = world.newGate()
  await everybody(gate, world, kind)
  return gate
}

export const cases: readonly Case[] = [
  {
    title: 'memory (L1): asked before',
    layer: 'l1',
    bar: 0.1,
    round: async (world, kind, lanes) => everybody(await acquainted(world, kind), world, kind, lanes),
  },
  {
    title: 'Redis (L2): asked before, out of date here, and brought up to date by another gateway',
    layer: 'l2',
    bar: 2,
    async round(world, kind, lanes) {
      const [gate, other] = [await acquainted(world, kind), await acquainted(world, kind)]
      await world.emptyRedis()
      other.later(EXPIRED)
      await everybody(other, world, kind)
      await settled()
      gate.later(EXPIRED)
      return everybody(gate, world, kind, lanes)
    },
  },
  {
    title: 'Postgres: asked before, out of date here and elsewhere',
    layer: 'source',
    bar: 10,
    async round(world, kind, lanes) {
      const gate = await acquainted(world, kind)
      await world.emptyRedis()
      gate.later(EXPIRED)
      return everybody(gate, world, kind, lanes)
    },
  },
  {
    title: 'Postgres: never seen here',
    layer: 'source',
    bar: 10,
    async round(world, kind, lanes) {
      await world.emptyRedis()
      return everybody(world.newGate(), world, kind, lanes)
    },
  },
]

/** What was found is put into Redis behind the answer. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50))
}
