/**
 * Ten thousand connections that do nothing (F19): what they cost, whom they slow down, and where it ends.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { fixed } from '../support/answers.ts'
import { gather, type Crowd } from '../support/crowd.ts'
import { report } from '../support/figures.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { eventually } from '../support/processes.ts'
import { startTraffic, statsOf, type Stats } from '../support/traffic.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { memoryOf } from '../support/usage.ts'

const IDLE = 10_000
const ACTIVE = 500
const RATE = 500 // requests a second, of all active connections
const LONG = 1000 // milliseconds of a stretch
const STRETCHES = 5 // of which the middle one counts: other programs on the machine disturb some
const MOST_EACH = 25 // kB of resident memory for an idle connection
const FLOOR = 15 // milliseconds that the machine adds by itself, besides what it does to our own timers
const STALL = 3000 // milliseconds after which a refusal is none

const median = (values: readonly number[]) => values.toSorted((one, other) => one - other)[values.length >> 1] ?? NaN

const quick = 'GET /quick HTTP/1.1\r\nHost: a.test\r\n\r\n'

suite('idle connections', () => {
  const keep = keeper()
  let upstream: Upstream
  let gateway: TestGateway
  let crowd: Crowd

  before(async () => {
    upstream = keep(await startUpstream(fixed(200, 'ok')))
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
overload: { connections: ${IDLE + ACTIVE} }
upstreams: { service: "${upstream.url}" }
routes: [{ path: /quick, public: true, upstream: service }]
`),
    )
  })

  /** How the active ones fare once they are warm: percentiles of the middle stretch, counts of all. */
  async function measure(): Promise<Stats & { readonly noise: number }> {
    const traffic = startTraffic(gateway.url, () => ({ kind: 'active', path: '/quick' }), {
      clients: ACTIVE,
      rate: RATE,
    })
    const [stats, noises]: [Stats[], number[]] = [[], []]
    await sleep(2000)
    for (let stretch = 0; stretch < STRETCHES; stretch += 1) {
      const delays = monitorEventLoopDelay({ resolution: 5 })
      delays.enable()
      const from = performance.now()
      await sleep(LONG)
      delays.disable()
      noises.push(delays.max / 1e6)
      stats.push(statsOf(traffic.answers.filter(({ at }) => at >= from)))
    }
    const all = statsOf(await traffic.stop())
    return { ...all, p99: median(stats.map(({ p99 }) => p99)), noise: median(noises) }
  }

  test('F19: ten thousand cost 25 kB each and slow nobody down; more are refused, not kept waiting', async () => {
    await measure() // code is compiled and memory taken by the first traffic
    const base = await measure()
    const memoryBefore = memoryOf(gateway.pid)

    crowd = keep(await gather(gateway.port, IDLE, quick))
    assert.deepEqual(
      new Set(crowd.members.map(({ status }) => status)),
      new Set([200]),
      'all are accepted and answered',
    )
    await sleep(1000)
    const each = ((memoryOf(gateway.pid) - memoryBefore) * 1024) / IDLE
    const busy = await measure()
    assert.equal(crowd.open(), IDLE, 'nobody was cut')

    const more = keep(await gather(gateway.port, ACTIVE, quick))
    assert.ok(
      more.members.every(({ status }) => status === 200),
      'up to the limit',
    )
    const above = keep(await gather(gateway.port, 300, quick))
    const slowest = Math.max(...above.members.map(({ ms }) => ms))
    const told = above.members.filter(({ status }) => status === 503).length
    assert.ok(
      above.members.every(({ status }) => status === 503 || status === 0),
      'none above the limit is served',
    )
    await eventually('an end of all above the limit', () => above.open() === 0)
    assert.equal(crowd.open() + more.open(), IDLE + ACTIVE, 'those who were there stay')

    report(
      'F19',
      {
        idle: IDLE,
        kb_each: each,
        base_p99_ms: base.p99,
        p99_ms: busy.p99,
        noise_ms: busy.noise,
        refused_with_503: told,
        closed: 300 - told,
        slowest_refusal_ms: slowest,
      },
      { total: base.count + busy.count, failed: base.failed + busy.failed },
    )
    assert.ok(each <= MOST_EACH, `${each} kB each`)
    assert.deepEqual([base.failed, busy.failed], [0, 0])
    const most = Math.max(2 * base.p99, base.p99 + FLOOR + busy.noise)
    assert.ok(busy.p99 <= most, `p99 ${busy.p99} ms, before ${base.p99} ms, noise ${busy.noise} ms`)
    assert.ok(told >= 100, `${told} heard why`)
    assert.ok(slowest < STALL, `${slowest} ms until a refusal`)
  })
})
