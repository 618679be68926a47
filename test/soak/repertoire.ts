/**
 * All the ways in which a neighbour may be broken during a soak, with parameters by chance.
 *
 * @module
 */
import { sql } from 'kysely'

import { poison } from '../fault/poison.ts'
import type { Fault } from '../support/episode.ts'
import type { Mode as Breakage } from '../support/fault-link.ts'
import type { FaultProxy } from '../support/fault-proxy.ts'
import type { Mode } from '../support/jwks-server.ts'
import type { Scene } from '../support/scenario.ts'
import type { Random } from './chaos.ts'

export const neighbours = ['redis', 'postgres', 'keys', 'service'] as const
export type Neighbour = (typeof neighbours)[number]

interface Choice {
  readonly neighbour: Neighbour
  readonly what: string
  readonly fault: Fault
}

/** Chooses a neighbour and what befalls it. */
export function repertoire(scene: Scene, random: Random): Choice {
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] ?? nothing()
  const neighbour = one(neighbours)
  const ways = { ...onTheWay(scene.proxies[neighbour], random), ...ofItsOwn(scene)[neighbour] }
  const [what, fault] = one(Object.entries(ways))
  return { neighbour, what, fault }
}

function onTheWay(proxy: FaultProxy, random: Random): Record<string, Fault> {
  const upTo = (most: number) => Math.ceil(random() * most)
  const modes: readonly Breakage[] = [
    { kind: 'refuse' },
    { kind: 'hang' },
    { kind: 'swallow' },
    { kind: 'swallow', way: 'down' },
    { kind: 'half_open' },
    { kind: 'delay', ms: upTo(2000), jitter: upTo(100) },
    { kind: 'delay', ms: upTo(30), jitter: upTo(30) },
    { kind: 'drip', bytes: upTo(20), every: upTo(100) },
    { kind: 'reset', after: upTo(2000) },
    { kind: 'truncate', after: upTo(2000) },
    { kind: 'alter', piece: (piece) => Buffer.from(piece.toReversed()) },
    { kind: 'alter', piece: () => '<html>\r\n\r\n' },
    { kind: 'alter', piece: (piece) => piece.subarray(0, piece.length / 2) },
  ]
  const faults = modes.map((mode, index): [string, Fault] => {
    const end = async () => {
      await proxy.set({ kind: 'pass' })
      proxy.reset() // connections that lost bytes are none
    }
    return [`${mode.kind} ${index}`, { begin: () => proxy.set(mode), end }]
  })
  const cap: Fault = { begin: () => (proxy.cap = upTo(3)), end: () => (proxy.cap = Infinity) }
  const resets = every(upTo(1000), () => proxy.reset())
  return { ...Object.fromEntries(faults), cap, resets }
}

function ofItsOwn(scene: Scene): Record<Neighbour, Record<string, Fault>> {
  const { redis, postgres, issuer, directory } = scene
  const { keys } = issuer
  const published = keys.keys
  const answering = (mode: Mode): Fault => ({ begin: () => (keys.mode = mode), end: () => (keys.mode = 'ok') })
  const modes: readonly Mode[] = ['status', 'silent', 'drip', 'huge', 'redirect', 'garbage', 'truncated', 'reset']
  const told = (begin: readonly [string, ...string[]], end: readonly [string, ...string[]]): Fault => ({
    begin: () => redis.client.call(...begin),
    end: () => redis.client.call(...end),
  })
  const terminate = () =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'gateway'`.execute(directory.db)
  return {
    redis: {
      stopped: { begin: () => redis.pause(), end: () => redis.resume() },
      readonly: told(['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']),
      memory: told(['CONFIG', 'SET', 'maxmemory', '1mb'], ['CONFIG', 'SET', 'maxmemory', '0']),
      flushed: every(100, () => redis.client.flushall()),
      poisoned: every(50, () => poison(redis.client)),
    },
    postgres: {
      stopped: { begin: () => postgres.pause(), end: () => postgres.resume() },
      terminated: every(300, terminate),
    },
    keys: {
      ...Object.fromEntries(modes.map((mode) => [mode, answering(mode)])),
      empty: { begin: () => (keys.keys = []), end: () => (keys.keys = published) },
    },
    service: {},
  }
}

function every(ms: number, action: () => unknown): Fault {
  let timer: NodeJS.Timeout | undefined
  const act = () => void Promise.try(action).catch(() => undefined)
  return { begin: () => (timer = setInterval(act, ms)), end: () => clearInterval(timer) }
}

function nothing(): never {
  throw new RangeError('nothing to choose from')
}
