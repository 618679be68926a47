/**
 * A Postgres whose connections end without a word, under traffic: the whole of it is in `postgres.system.ts`.
 *
 * @module
 */
import { before, suite, test } from 'node:test'

import { keeper } from '../support/keeper.ts'
import { noPostgres } from '../support/postgres.ts'
import { noRedis } from '../support/redis.ts'
import { startScene, type Scene } from '../support/scenario.ts'
import { keyFaults, surviveKeys } from './key-faults.ts'
import { postgresFaults, survivePostgres } from './postgres-faults.ts'

suite('Postgres and the issuer fail under traffic, in short', { skip: noRedis || noPostgres }, () => {
  const keep = keeper()
  const short = { before: 1000, during: 2000, after: 500 }
  let scene: Scene

  before(async () => {
    scene = await startScene(keep)
  })

  test('F6: a Postgres that is gone without a word, and another in its place, costs tokens nothing', async () => {
    const what = 'is gone without a word, and another in its place'
    await survivePostgres(scene, { what, ...postgresFaults[what] }, short)
  })

  test('F8: an issuer that answers 500 costs nobody an answer', async () => {
    const what = 'answers 500'
    await surviveKeys(scene, { row: 'F8', what, fault: keyFaults[what] }, short)
  })
})
