/**
 * A Redis that is slow, and one that tells nonsense, under traffic: the whole of it is in `redis.system.ts`.
 *
 * @module
 */
import { before, suite, test } from 'node:test'

import { keeper } from '../support/keeper.ts'
import { noPostgres } from '../support/postgres.ts'
import { noRedis } from '../support/redis.ts'
import { startScene, type Scene } from '../support/scenario.ts'
import { redisFaults, surviveRedis } from './redis-faults.ts'

suite('Redis fails under traffic, in short', { skip: noRedis || noPostgres }, () => {
  const keep = keeper()
  const short = { before: 1000, during: 1500, after: 500 }
  let scene: Scene

  before(async () => {
    scene = await startScene(keep)
  })

  for (const what of ['is 200 ms late', 'talks HTML'] as const)
    test(`${redisFaults[what].row}: a Redis that ${what} costs nobody an answer, and tokens no time`, async () => {
      await surviveRedis(scene, { what, ...redisFaults[what] }, short)
    })
})
