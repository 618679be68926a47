/**
 * Postgres fails in every way we know of, under traffic (F6).
 *
 * @module
 */
import { before, suite, test } from 'node:test'

import { keeper } from '../support/keeper.ts'
import { noPostgres } from '../support/postgres.ts'
import { noRedis } from '../support/redis.ts'
import { startScene, type Scene } from '../support/scenario.ts'
import { postgresFaults, survivePostgres, type PostgresFault } from './postgres-faults.ts'

suite('Postgres fails under traffic', { skip: noRedis || noPostgres }, () => {
  const keep = keeper()
  let scene: Scene

  before(async () => {
    scene = await startScene(keep)
  })

  for (const [what, fault] of Object.entries<PostgresFault>(postgresFaults))
    test(`F6: a Postgres that ${what} costs tokens nothing, and nobody their identity`, async () => {
      await survivePostgres(scene, { what, ...fault })
    })
})
