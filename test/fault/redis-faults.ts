/**
 * Ways of Redis to fail, and what must hold in all of them: everybody is served, as fast as before; limits are counted here.
 *
 * @module
 */
import assert from 'node:assert/strict'

import { liveThrough, type Episode, type Fault, type Lengths } from '../support/episode.ts'
import type { Mode } from '../support/fault-link.ts'
import { report } from '../support/figures.ts'
import { kinds } from '../support/mixture.ts'
import { eventually } from '../support/processes.ts'
import type { Scene } from '../support/scenario.ts'
import { poison } from './poison.ts'
import { assertFast, assertServed, speedOf, totalsOf } from './promises.ts'

const DEADLINE = 50 // milliseconds that a command may take
const SLACK = 400 // milliseconds that a busy machine may add to a limit in time

export interface RedisFault {
  readonly row: string
  readonly fault: (scene: Scene) => Fault
  /** True when Redis goes on answering well enough for limits to be shared. */
  readonly shared?: true
}

const broken =
  (mode: Mode): RedisFault['fault'] =>
  ({ proxies }) => ({ begin: () => proxies.redis.set(mode), end: () => proxies.redis.set({ kind: 'pass' }) })

const told =
  (begin: readonly string[], end: readonly string[]): RedisFault['fault'] =>
  ({ redis }) => {
    const call = ([command = '', ...args]: readonly string[]) => redis.client.call(command, ...args)
    return { begin: () => call(begin), end: () => call(end) }
  }

/** Every time a piece comes from Redis, it is this instead. */
const saying = (text: string) => broken({ kind: 'alter', piece: () => text })

/** By what Redis does. */
export const redisFaults = {
  'refuses connections': { row: 'F1', fault: broken({ kind: 'refuse' }) },
  'is hung (SIGSTOP)': { row: 'F2', fault: ({ redis }) => ({ begin: () => redis.pause(), end: () => redis.resume() }) },
  'swallows what it hears': { row: 'F2', fault: broken({ kind: 'swallow' }) },
  'is 200 ms late': { row: 'F3', fault: broken({ kind: 'delay', ms: 200 }) },
  'is 1 s late': { row: 'F3', fault: broken({ kind: 'delay', ms: 1000, jitter: 200 }) },
  'is a replica (READONLY)': {
    row: 'F4',
    fault: told(['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']),
  },
  'is out of memory (OOM)': {
    row: 'F4',
    fault: told(['CONFIG', 'SET', 'maxmemory', '1mb'], ['CONFIG', 'SET', 'maxmemory', '0']),
  },
  'asks for a password (NOAUTH)': {
    row: 'F4',
    fault: ({ redis, proxies }) => ({
      async begin() {
        await redis.client.config('SET', 'requirepass', 'secret')
        proxies.redis.reset() // who is connected already would not be asked
      },
      end: () => redis.client.config('SET', 'requirepass', ''),
    }),
  },
  'is loading its data (LOADING)': { row: 'F4', fault: loading },
  'talks HTML': { row: 'F5', fault: saying('<html>\r\n') },
  'answers every question with 42': { row: 'F5', fault: saying(':42\r\n') },
  'resets connections': { row: 'F5', fault: broken({ kind: 'reset', after: 500 }) },
  'is flushed ever again': {
    row: 'F5',
    shared: true,
    fault: ({ redis }) => every(100, () => redis.client.flushall()),
  },
  'holds poison in its cache': { row: 'F5', shared: true, fault: ({ redis }) => every(20, () => poison(redis.client)) },
} as const satisfies Record<string, RedisFault>

function every(ms: number, action: () => Promise<unknown>): Fault {
  let timer: NodeJS.Timeout | undefined
  return { begin: () => (timer = setInterval(() => void action(), ms)), end: () => clearInterval(timer) }
}

/** Restarted with data that take it some seconds to read: started with `slowLoading`. */
function loading({ redis }: Scene): Fault {
  let loaded: Promise<void> | undefined
  return {
    async begin() {
      await redis.client.call('DEBUG', 'POPULATE', '10000')
      await redis.client.call('SAVE')
      await redis.crash()
      loaded = redis.restart()
    },
    async end() {
      await loaded
      await redis.client.flushall()
    },
  }
}

/** Arguments with which Redis takes half a second for a thousand keys. */
export function slowLoading(folder: string): string[] {
  const settings = { dir: folder, 'key-load-delay': 500, 'loading-process-events-interval-bytes': 1024 }
  const pairs = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  return [...pairs, '--enable-debug-command', 'yes']
}

/** Lives through a failure of Redis, and holds it to what is promised of all of them. */
export async function surviveRedis(
  scene: Scene,
  { what, row, fault, shared }: RedisFault & { readonly what: string },
  lengths?: Lengths,
): Promise<Episode> {
  const known = scene.gateway.lines.length
  const times = { begin: 0, ending: 0, end: 0 }
  const { begin, end } = fault(scene)
  const timed: Fault = {
    async begin() {
      await isShared(scene)
      times.begin = Date.now()
      await begin()
    },
    async end() {
      times.ending = Date.now()
      await end()
      times.end = Date.now()
    },
  }
  const episode = await liveThrough(scene, timed, lengths)
  await isShared(scene)
  const told = () =>
    scene.gateway.lines
      .slice(known)
      .filter(
        ({ msg, time }) =>
          (msg === 'shared limits away' || msg === 'shared limits back') && Number(time) >= times.begin,
      )
      .map(({ msg, time }) => ({ away: msg === 'shared limits away', time: Number(time) }))
  if (shared !== true) await eventually('it is told that limits are shared again', () => told().at(-1)?.away === false)
  const changes = told()

  assertServed([episode.before, episode.onset, episode.during, episode.after], kinds)
  assert.equal(episode.recovered, 0)
  assertFast(episode, 3 * DEADLINE + SLACK) // a session waits for itself, its grants and a limit
  scene.assertHonest()
  const phases = [episode.before, episode.onset, episode.during, episode.after].map((phase) => phase.of())
  const totals = totalsOf(phases)
  const figures = { what, ...speedOf(episode), longest_ms: Math.max(...phases.slice(1, 3).map(({ most }) => most)) }
  const isLate = Math.max(episode.onset.noise, episode.during.noise) > DEADLINE // a machine that stands still looks like a Redis that does
  const excused = isLate ? 2 : 0
  if (shared === true) {
    assert.ok(changes.length <= excused, `limits are shared all the time: ${JSON.stringify(changes)}`)
    report(row, figures, totals)
    return episode
  }
  const meanwhile = changes.filter(({ time }) => time < times.ending)
  assert.ok(meanwhile.length <= 1 + excused, `it is told once that limits are counted here: ${JSON.stringify(changes)}`)
  assert.equal(meanwhile.at(-1)?.away, true)
  const fellBack = (meanwhile[0]?.time ?? NaN) - times.begin
  const again = (changes.find(({ away, time }) => !away && time >= times.ending)?.time ?? NaN) - times.end
  assert.ok(fellBack <= 100 + SLACK, `counted here after ${fellBack} ms`)
  assert.ok(again <= 2000 + SLACK, `shared again after ${again} ms`)
  report(row, { ...figures, fell_back_ms: fellBack, shared_again_ms: again }, totals)
  return episode
}

function isShared(scene: Scene): Promise<void> {
  return eventually('limits are shared', async () => (await scene.metric('heimdall_limit_fallback')) === 0)
}
