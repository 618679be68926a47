/**
 * Another takes the place of a Redis that failed, under traffic: with Sentinels, and in a Cluster (F4).
 *
 * Who needs no more than a token is served throughout. Limits that must be counted in Redis are refused while nobody can
 * count them, and only then; all of them are counted there again within seconds of the promotion, none of them twice.
 * Times are compared within one run, and a machine that is late itself is allowed for.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { before, suite, test } from 'node:test'
import { promisify } from 'node:util'

import { connectRedis } from '#stores/redis.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { countsIn, startFailoverScene, type FailoverScene } from '../support/failover.ts'
import { report } from '../support/figures.ts'
import { keeper } from '../support/keeper.ts'
import type { Answer } from '../support/load.ts'
import { noPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { noCluster, startCluster, type TestCluster } from '../support/redis-cluster.ts'
import { startSentinels, type TestSentinels } from '../support/redis-sentinel.ts'
import { noRedis, type TestRedis } from '../support/redis.ts'
import { liveThroughTakeover } from '../support/takeover.ts'
import { statsOf } from '../support/traffic.ts'

const DEADLINE = 50 // milliseconds that Redis is waited for
const SLACK = 400 // milliseconds that a busy machine may add to the longest waits
const BACK = 3000 // milliseconds from a promotion until all is counted in Redis again
const LONGEST = 180_000 // milliseconds

const isStrict = ({ kind }: Answer) => kind.startsWith('strict')
const tokens = (answers: readonly Answer[]) => answers.filter(({ kind }) => kind === 'token' || kind === 'new token')

interface Change {
  readonly begin: () => unknown
  /** Waits until another has taken over. */
  readonly end: () => unknown
  /** Milliseconds from then until all is counted in Redis again. */
  readonly back?: number
}

/** Lives through a change of primaries; everybody is answered by rule, and in time. */
async function survive(row: string, { traffic, gateway, metric, service }: FailoverScene, change: Change) {
  const known = gateway.lines.length
  const seen = await liveThroughTakeover(traffic, { ...change, between: 300 })
  await eventually('limits are shared', async () => (await metric('heimdall_limit_fallback')) === 0)

  const answers = seen.all
  const refused = answers.filter(({ status }) => status !== 200)
  const base = statsOf(tokens(seen.before))
  const token = statsOf(tokens(answers))
  const all = statsOf(answers.filter((answer) => !isStrict(answer)))
  const strict = statsOf(answers.filter(isStrict))
  report(
    `F4 ${row}`,
    {
      promoted_after_ms: seen.taken,
      counted_again_after_ms: seen.recovered,
      base_p50_ms: base.p50,
      p50_ms: token.p50,
      base_p99_ms: base.p99,
      p99_ms: token.p99,
      longest_ms: statsOf(answers).most,
      machine_late_ms: seen.late,
      strict_refused: strict.failed,
      strict: strict.count,
    },
    { total: all.count, failed: all.failed },
  )
  assert.deepEqual(all.outcomes, { 200: all.count }, 'tokens, sessions and keys are served throughout')
  for (const { kind, status, code, retryAfter } of refused)
    assert.deepEqual([kind.slice(0, 6), status, code, retryAfter], ['strict', 503, 'limits_unavailable', '2'])
  const slack = SLACK + 2 * seen.late
  assert.ok(token.p50 <= Math.max(1.5 * base.p50, base.p50 + 15) + seen.late, `p50 ${token.p50}, ${base.p50} ms before`)
  assert.ok(token.p99 <= base.p99 + DEADLINE + slack, `p99 ${token.p99}, ${base.p99} ms before`)
  const most = 3 * DEADLINE + base.most + slack // a session is looked up, then its grants, then its limit
  assert.ok(statsOf(answers).most <= most, `${statsOf(answers).most} ms`)
  const back = change.back ?? BACK
  assert.ok(seen.recovered <= back + slack, `counted again ${seen.recovered} ms after the promotion`)
  assert.deepEqual([service.wrong, service.unauthorised, gateway.errors()], [[], [], ''])
  const told = gateway.lines.slice(known).filter(({ msg }) => msg === 'shared limits away' || msg === 'breaker')
  assert.ok(told.length <= 12, `${told.length} lines`)
  return { answers, refused, opened: told.filter(({ state }) => state === 'open').length }
}

/** All is as it should be, but for what a machine that is late by the 50 ms of a limit spoils. */
function assertWell(answers: readonly Answer[]) {
  const { count, failed, outcomes } = statsOf(answers)
  assert.ok(count > 0 && failed <= 0.05 * count, JSON.stringify(outcomes))
}

/** No request of a subject is counted twice; what was counted and then lost by Redis is at most what a failover may lose. */
async function assertCountedOnce(row: string, { traffic }: FailoverScene, nodes: readonly TestRedis[]) {
  const counts = await countsIn(nodes)
  const strict = traffic.answers.filter(isStrict)
  let lost = 0
  for (const subject of new Set(strict.map(({ kind }) => kind))) {
    const sent = strict.filter(({ kind }) => kind === subject)
    const counted = counts.get(subject) ?? 0
    // One request may be on its way, and one that was answered late was counted although it was refused.
    assert.ok(counted <= sent.length + 1, `${subject}: ${counted} counted, ${sent.length} sent`)
    lost += Math.max(0, sent.filter(({ status }) => status === 200).length - counted)
  }
  report(`F4 ${row}`, { lost, strict: strict.length })
  return lost
}

suite('Redis fails over under traffic: Sentinels', { skip: noRedis || noPostgres, timeout: LONGEST }, () => {
  const keep = keeper()
  let sentinels: TestSentinels
  let scene: FailoverScene

  before(async () => {
    sentinels = keep(await startSentinels())
    scene = await startFailoverScene(keep, sentinels.url)
  })

  /** The gateway and nobody else calls itself so. */
  const connections = async ({ client }: TestRedis) =>
    (String(await client.call('CLIENT', 'LIST')).match(/ name=heimdall /g) ?? []).length

  test('F4: the primary is killed: a replica takes over, and the old one comes back as its replica', async () => {
    const old = await sentinels.primary()
    try {
      await survive('Sentinel: killed', scene, { begin: () => old.crash(), end: () => sentinels.promoted(old) })
    } finally {
      await old.restart()
    }
    const primary = await sentinels.primary()
    await assertCountedOnce('Sentinel: killed', scene, [primary])

    const first = scene.traffic.answers.length
    await eventually('the old one is asked by nobody', async () => (await connections(old)) === 0)
    await sentinels.demoted(old)
    assert.equal(await connections(old), 0)
    assert.equal(await connections(primary), 1)
    assertWell(scene.traffic.answers.slice(first))
  })

  test('F4: the primary hangs: a replica takes over, and the old one is not asked when it wakes', async () => {
    const old = await sentinels.primary()
    await survive('Sentinel: hung', scene, { begin: () => old.pause(), end: () => sentinels.promoted(old) }).finally(
      () => old.resume(),
    )
    const first = scene.traffic.answers.length
    await sentinels.demoted(old)
    assert.equal(await connections(old), 0)
    assertWell(scene.traffic.answers.slice(first))
    await assertCountedOnce('Sentinel: hung', scene, [await sentinels.primary()])
  })

  test('F4: the Sentinels change the primary: the gateway follows at once', async () => {
    const old = await sentinels.primary()
    await survive('Sentinel: switched', scene, {
      begin: () => sentinels.switchOver(),
      end: () => sentinels.promoted(old),
    })
    const primary = await sentinels.primary()
    await eventually(
      'it has followed',
      async () => (await connections(old)) === 0 && (await connections(primary)) === 1,
    )
    await assertCountedOnce('Sentinel: switched', scene, [primary])
  })

  test('F4: one Sentinel is dead and one is silent: the third is asked', async () => {
    const [dead, deaf] = sentinels.sentinels
    await dead?.crash()
    deaf?.pause()
    const store = connectRedis(sentinels.url, { metrics: createMetrics(), log: silent })
    await eventually('connected', () => store.ready(), 3000)
    store.close()
    deaf?.resume()
  })
})

suite('Redis fails over under traffic: a Cluster', { skip: noCluster || noPostgres, timeout: LONGEST }, () => {
  const keep = keeper()
  let cluster: TestCluster
  let scene: FailoverScene

  before(async () => {
    cluster = keep(await startCluster())
    scene = await startFailoverScene(keep, cluster.url)
  })

  /** A primary that counts for somebody, and for whom it does. */
  const busyPrimary = async () => {
    for (const node of cluster.nodes) {
      const isPrimary = /role:master/.test(await node.client.info('replication'))
      const subjects = isPrimary ? [...(await countsIn([node])).keys()] : []
      const [key] = subjects.length === 0 ? [] : await node.client.keys('heimdall:limit:strict:*')
      if (key !== undefined) return { node, key, subjects: new Set(subjects) }
    }
    throw new Error('nobody counts')
  }
  const primaries = async () => {
    const roles = await Promise.all(cluster.nodes.map(async ({ client }) => client.info('replication')))
    return cluster.nodes.filter((_, index) => /role:master/.test(roles[index] ?? ''))
  }

  for (const [how, fail, mend] of [
    ['killed', (node: TestRedis) => node.crash(), (node: TestRedis) => node.restart()],
    ['hung', (node: TestRedis) => node.pause(), (node: TestRedis) => node.resume()],
  ] as const)
    test(`F4: one primary is ${how}: its slots wait for the promotion, the others notice nothing`, async () => {
      const { node, key, subjects } = await busyPrimary()
      const change = { begin: () => fail(node), end: () => cluster.promoted(key, node) }
      const { answers, refused, opened } = await survive(`Cluster: ${how}`, scene, change)
      const first = scene.traffic.answers.length
      await mend(node)
      await cluster.demoted(node)
      assert.ok(refused.length > 0, 'its own slots could not be counted meanwhile')
      const strict = statsOf(answers.filter((answer) => isStrict(answer) && !subjects.has(answer.kind)))
      // A machine that makes all of Redis late, ten times in a row, opens the breaker for all of it.
      if (opened === 0) assert.ok(strict.failed <= 0.05 * strict.count, JSON.stringify(strict.outcomes))

      await eventually('Redis is up', async () => (await scene.redis()) === 'up')
      assertWell(scene.traffic.answers.slice(first))
      await assertCountedOnce(`Cluster: ${how}`, scene, await primaries())
    })

  test('F4: slots move to another primary: nobody notices', async () => {
    const [from, to] = await primaries()
    const id = async (node: TestRedis | undefined) => String(await node?.client.call('CLUSTER', 'MYID'))
    const move = ['--cluster-from', await id(from), '--cluster-to', await id(to), '--cluster-slots', '1500']
    const reshard = ['--cluster', 'reshard', `127.0.0.1:${from?.port}`, ...move, '--cluster-yes']
    const { answers, refused } = await survive('Cluster: slots moved', scene, {
      begin: () => promisify(execFile)('/usr/bin/redis-cli', reshard),
      end: () => undefined,
    })
    const strict = answers.filter(isStrict)
    assert.ok(refused.length <= 0.05 * strict.length, `${refused.length} of ${strict.length} refused`)
    await assertCountedOnce('Cluster: slots moved', scene, await primaries())
  })

  test('F4: all of it dies and comes back: limits are counted here, and then there again', async () => {
    await survive('Cluster: all killed', scene, {
      back: 6000, // a Cluster that starts waits for two seconds before it serves
      begin: () => Promise.all(cluster.nodes.map((node) => node.crash())),
      end: async () => {
        await Promise.all(cluster.nodes.map((node) => node.restart()))
        await eventually(
          'it is well',
          async () => /cluster_state:ok/.test(String(await cluster.nodes[0]?.client.call('CLUSTER', 'INFO'))),
          15_000,
        )
      },
    })
  })
})
