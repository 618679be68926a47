/**
 * Ways of Postgres to fail, and what must hold in all of them: tokens are served as fast as before, sessions and keys as
 * long as what is known of them is fresh, and whoever cannot be served is told that it is not their fault.
 *
 * @module
 */
import assert from 'node:assert/strict'

import { sql } from 'kysely'

import { liveThrough, type Episode, type Fault, type Lengths } from '../support/episode.ts'
import type { Mode } from '../support/fault-link.ts'
import { report } from '../support/figures.ts'
import { kinds } from '../support/mixture.ts'
import { eventually } from '../support/processes.ts'
import type { Scene } from '../support/scenario.ts'
import { connectionsTo } from '../support/usage.ts'
import { assertFast, assertServed, speedOf, TOKENS, totalsOf } from './promises.ts'

const FRESH = 5000 // milliseconds that an answer is believed
const DEADLINE = 500 // milliseconds that a read may take
const POOL = 10 // most connections
const LEAVING = 5 // that have said good-bye and wait for it to be heard
const RECOVERY = 5000
const SLACK = 500 // milliseconds that a busy machine may add to a limit in time
const LOOKED_UP = ['session', 'key']

export interface PostgresFault {
  /** F6 unless it says otherwise. */
  readonly row?: string
  readonly fault: (scene: Scene) => Fault
  /** Whether reads have an answer meanwhile: none, all, or those that are lucky. */
  readonly answers: 'none' | 'some' | 'all'
}

const broken =
  (mode: Mode): PostgresFault['fault'] =>
  ({ proxies }) => ({ begin: () => proxies.postgres.set(mode), end: () => proxies.postgres.set({ kind: 'pass' }) })

/** By what Postgres does. */
export const postgresFaults = {
  'refuses connections': { answers: 'none', fault: broken({ kind: 'refuse' }) },
  'is hung (SIGSTOP)': {
    answers: 'none',
    fault: ({ postgres }) => ({ begin: () => postgres.pause(), end: () => postgres.resume() }),
  },
  'swallows what it hears': { answers: 'none', fault: broken({ kind: 'swallow' }) },
  'is 1 s late': { answers: 'none', fault: broken({ kind: 'delay', ms: 1000, jitter: 200 }) },
  'is 60 ms late': { answers: 'all', fault: broken({ kind: 'delay', ms: 60, jitter: 10 }) },
  'resets connections as they speak': { answers: 'none', fault: broken({ kind: 'reset', after: 200 }) },
  'is gone without a word, and another in its place': { answers: 'some', fault: broken({ kind: 'half_open' }) },
  'ends every connection ever again': { answers: 'some', fault: ending },
  'has one connection left': { answers: 'some', fault: crowded },
  'has locked a table': { answers: 'some', fault: locked },
} as const satisfies Record<string, PostgresFault>

/** As an administrator does, or a server that shuts down. */
function ending({ directory: { db } }: Scene): Fault {
  let timer: NodeJS.Timeout | undefined
  const terminate = () =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'gateway'`.execute(db)
  return { begin: () => (timer = setInterval(() => void terminate(), 300)), end: () => clearInterval(timer) }
}

/** Others have taken all the connections that the server allows. */
function crowded({ directory: { db } }: Scene): Fault {
  return {
    async begin() {
      await sql`alter role gateway connection limit 1`.execute(db)
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'gateway'`.execute(db)
    },
    end: () => sql`alter role gateway connection limit -1`.execute(db),
  }
}

/** As a migration does that takes long: reads of the table wait, and with them the connections that they hold. */
function locked({ directory: { db } }: Scene): Fault {
  const over = Promise.withResolvers<void>()
  let held: Promise<void> = Promise.resolve()
  return {
    async begin() {
      const locks = Promise.withResolvers<void>()
      held = db.transaction().execute(async (transaction) => {
        await sql`lock table heimdall.sessions in access exclusive mode`.execute(transaction)
        locks.resolve()
        await over.promise
      })
      await locks.promise
    },
    async end() {
      over.resolve()
      await held
    },
  }
}

type Named = PostgresFault & { readonly what: string }

/** Lives through a failure of Postgres, and holds it to what is promised of all of them. */
export async function survivePostgres(scene: Scene, wanted: Named, lengths: Lengths = {}): Promise<Episode> {
  const { begin, end } = wanted.fault(scene)
  let [most, down, ending] = [0, 0, 0]
  const watch = setInterval(() => (most = Math.max(most, connectionsTo(scene.proxies.postgres.port).open)), 500)
  const timed: Fault = {
    async begin() {
      const fresh = await scene.newKey()
      await eventually('a new key is known', async () => (await fresh.ask()) === 200)
      await begin()
      down = performance.now()
      assert.equal(await fresh.ask(), 200, 'what is fresh is served')
    },
    async end() {
      ending = performance.now()
      await end()
    },
  }
  const episode = await liveThrough(scene, timed, { during: FRESH + 2000, ...lengths }).finally(() =>
    clearInterval(watch),
  )

  scene.assertHonest()
  const { before, onset, during, after } = episode
  assertServed([before, onset, during, after], TOKENS)
  assertServed([before, after], kinds, 0.005) // a busy machine makes a lookup late now and then
  assertFast(episode, DEADLINE + SLACK)
  assertLookups(scene, wanted, { down, ending })
  assert.ok(episode.recovered <= RECOVERY + SLACK, `all is well after ${episode.recovered} ms`)
  assert.ok(most <= POOL + LEAVING, `${most} connections`)
  tell(episode, wanted, most)
  return episode
}

/** Who cannot be looked up is told to come back: never that the credential is bad, nor what was once true of it. */
function assertLookups(
  scene: Scene,
  { answers }: PostgresFault,
  { down, ending }: { down: number; ending: number },
): void {
  const asked = scene.traffic.answers.filter(({ kind, at }) => LOOKED_UP.includes(kind) && at >= down)
  for (const { status, code, retryAfter } of asked)
    if (status !== 200) assert.deepEqual([status, code, retryAfter], [503, 'store_unavailable', '2'])
  const meanwhile = asked.filter(({ at, ms }) => at + ms < ending)
  const failed = meanwhile.filter(({ status }) => status !== 200)
  if (answers === 'all') assert.equal(failed.length, 0, 'everybody is served')
  if (answers !== 'none') return
  assert.ok(failed.length > 0, 'what is not is refused')
  const last = Math.max(0, ...meanwhile.flatMap(({ status, at }) => (status === 200 ? [at - down] : [])))
  assert.ok(last <= FRESH, `nothing is believed for longer, but after ${last} ms`)
}

function tell(episode: Episode, { row = 'F6', what, answers }: Named, connections: number): void {
  const { before, onset, during, after, recovered } = episode
  const whole = answers === 'all' ? [before, onset, during, after] : [before, after]
  const part = answers === 'all' ? [] : [onset, during]
  const asked = during.of(...LOOKED_UP)
  const lookups = { lookups: asked.count, lookups_503: asked.failed, lookups_p99_ms: asked.p99 }
  const totals = totalsOf([...whole.map((phase) => phase.of()), ...part.map((phase) => phase.of(...TOKENS))])
  report(row, { what, ...speedOf(episode), ...lookups, recovered_ms: recovered, connections }, totals)
}
