/**
 * Two neighbours fail at once (F26): tokens are served, the rest is refused with its reason, and nothing is let through.
 *
 * @module
 */
import { before, suite, test } from 'node:test'

import type { Fault } from '../support/episode.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres } from '../support/postgres.ts'
import { noRedis } from '../support/redis.ts'
import { startScene, type Scene } from '../support/scenario.ts'
import { keyFaults, surviveKeys } from './key-faults.ts'
import { postgresFaults, survivePostgres } from './postgres-faults.ts'
import { redisFaults } from './redis-faults.ts'

type Making = (scene: Scene) => Fault

const both =
  (one: Making, other: Making): Making =>
  (scene) => {
    const faults = [one(scene), other(scene)]
    return {
      begin: () => Promise.all(faults.map(({ begin }) => begin())),
      end: () => Promise.all(faults.map(({ end }) => end())),
    }
  }

suite('two neighbours fail under traffic', { skip: noRedis || noPostgres }, () => {
  const keep = keeper()
  let scene: Scene

  before(async () => {
    scene = await startScene(keep)
  })

  for (const [redis, postgres] of [
    ['refuses connections', 'is hung (SIGSTOP)'],
    ['is hung (SIGSTOP)', 'refuses connections'],
    ['talks HTML', 'is 1 s late'],
  ] as const)
    test(`F26: a Redis that ${redis} and a Postgres that ${postgres} leave tokens as they were`, async () => {
      const fault = both(redisFaults[redis].fault, postgresFaults[postgres].fault)
      await survivePostgres(scene, { row: 'F26', what: `Redis ${redis}, Postgres ${postgres}`, answers: 'none', fault })
    })

  test('F26: an issuer that refuses connections and a Redis that is hung leave everybody as they were', async () => {
    const fault = both(keyFaults['refuses connections'], redisFaults['is hung (SIGSTOP)'].fault)
    await surviveKeys(scene, { row: 'F26', what: 'issuer refuses connections, Redis is hung', fault })
  })

  test('F26: an issuer that swallows what it hears and a Postgres that is hung leave tokens as they were', async () => {
    const fault = both(keyFaults['swallows what it hears'], postgresFaults['is hung (SIGSTOP)'].fault)
    await survivePostgres(scene, { row: 'F26', what: 'issuer swallows, Postgres is hung', answers: 'none', fault })
  })
})
