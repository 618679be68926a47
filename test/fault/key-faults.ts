/**
 * Ways of an issuer's key endpoint to fail, and what must hold in all of them: the last good keys go on being believed.
 *
 * @module
 */
import assert from 'node:assert/strict'

import { liveThrough, type Episode, type Fault, type Lengths } from '../support/episode.ts'
import type { Mode as Breakage } from '../support/fault-link.ts'
import { report } from '../support/figures.ts'
import type { Mode } from '../support/jwks-server.ts'
import { kinds } from '../support/mixture.ts'
import { eventually } from '../support/processes.ts'
import type { Scene } from '../support/scenario.ts'
import { assertFast, assertServed, speedOf, totalsOf } from './promises.ts'

const COOLDOWN = 1000 // milliseconds between two fetches, as the file of the scene says
const DEADLINE = 2000 // that a fetch may take
const SLACK = 500

const broken =
  (mode: Breakage) =>
  ({ proxies }: Scene): Fault => ({
    begin() {
      const set = proxies.keys.set(mode)
      proxies.keys.reset() // else the next fetch may use a connection that is sound
      return set
    },
    end: () => proxies.keys.set({ kind: 'pass' }),
  })

const answering =
  (mode: Mode) =>
  ({ issuer: { keys } }: Scene): Fault => ({ begin: () => (keys.mode = mode), end: () => (keys.mode = 'ok') })

/** By what the endpoint does. */
export const keyFaults = {
  'refuses connections': broken({ kind: 'refuse' }),
  'swallows what it hears': broken({ kind: 'swallow' }),
  'is 3 s late': broken({ kind: 'delay', ms: 3000 }),
  'drips its answers': broken({ kind: 'drip', bytes: 1, every: 100 }),
  'breaks its answers off': broken({ kind: 'truncate', after: 150 }),
  'resets connections': broken({ kind: 'reset', after: 150 }),
  'talks nonsense': broken({ kind: 'alter', piece: () => 'SSH-2.0-OpenSSH_9.2\r\n' }),
  'answers 500': answering('status'),
  'answers HTML': answering('garbage'),
  'answers half of it': answering('truncated'),
  'answers too much': answering('huge'),
  redirects: answering('redirect'),
  'has no keys': ({ issuer: { keys } }) => {
    const { keys: published } = keys
    return { begin: () => (keys.keys = []), end: () => (keys.keys = published) }
  },
} as const satisfies Record<string, (scene: Scene) => Fault>

/** Lives through a failure of the endpoint, and holds it to what is promised of all of them. */
export async function surviveKeys(
  scene: Scene,
  { row, what, fault }: { readonly row: string; readonly what: string; readonly fault: (scene: Scene) => Fault },
  lengths: Lengths = {},
): Promise<Episode> {
  const { begin, end } = fault(scene)
  const fares = async () => (await scene.readiness())['keys']
  let [fetches, began, ended, current] = [0, 0, 0, Promise.resolve(0)]
  const told: Fault = {
    async begin() {
      await begin()
      began = performance.now()
      fetches = scene.proxies.keys.accepted + scene.issuer.keys.count.jwks
    },
    async end() {
      await eventually('it is told that the keys cannot be had', async () => (await fares()) === 'degraded', DEADLINE)
      assert.equal((await scene.readiness())['status'], 200, 'traffic goes on coming')
      fetches = scene.proxies.keys.accepted + scene.issuer.keys.count.jwks - fetches
      ended = performance.now()
      await end()
      current = eventually(
        'the keys are current',
        async () => (await fares()) === 'up',
        COOLDOWN + 2 * DEADLINE + SLACK,
      ).then(() => performance.now() - ended)
    },
  }
  const episode = await liveThrough(scene, told, { during: 3500, ...lengths })

  scene.assertHonest()
  const phases = [episode.before, episode.onset, episode.during, episode.after]
  assertServed(phases, kinds)
  assertFast(episode, SLACK)
  // A fetch is a connection, and a request if it comes that far.
  const most = 2 * (Math.ceil((ended - began) / COOLDOWN) + 1)
  assert.ok(fetches <= most, `${fetches} connections and requests, at most ${most}`)
  const totals = totalsOf(phases.map((phase) => phase.of()))
  report(row, { what, ...speedOf(episode), fetches, current_again_ms: await current }, totals)
  return episode
}
