/**
 * More than the gateway can do (F24): a blocked event loop, and every way to fill its memory.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'

import { assault, type Way } from '../support/assault.ts'
import { contained, noContainer } from '../support/container.ts'
import { report } from '../support/figures.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { signal } from '../support/processes.ts'
import { startService, type Service } from '../support/service.ts'
import { longest } from '../support/load.ts'
import { startTraffic, statsOf } from '../support/traffic.ts'
import { memoryOf } from '../support/usage.ts'

const MIB = 1024 * 1024
const LONG = 6000 // milliseconds of an assault
const CLIENTS = 8000
const PATIENCE = 3000 // milliseconds for a probe, on a machine whose two cores are taken

const large = Buffer.alloc(64 * MIB, 'x')

/** Answers at once, with 64 MiB, or not at all. */
function startTarget(): Promise<Service> {
  return startService((asked, response) => {
    if (asked.url === '/large') response.end(large)
    else if (asked.url !== '/held') asked.resume().on('end', () => response.end('ok'))
  })
}

const file = (url: string, overload = '{}') => `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
log: { level: info }
overload: ${overload}
upstreams:
  quick: ${url}
  held: { targets: ["${url}"], connections: 8000, timeout: { headers: 8s } }
routes:
  - { path: /quick, public: true, upstream: quick }
  - { path: /held, public: true, upstream: held, max_body: 4GiB }
  - { path: /large, public: true, upstream: held }
`

interface Health {
  probes: number
  failed: number
  slowest: number
  /** The most that was resident, MiB. */
  memory: number
}

/** Asks whether a gateway lives, again and again. */
function watchLife(gateway: TestGateway): () => Promise<Health> {
  const health: Health = { probes: 0, failed: 0, slowest: 0, memory: 0 }
  const end = new AbortController()
  const look = async () => {
    while (!end.signal.aborted) {
      const began = performance.now()
      const answer = await request(`${gateway.probes}/livez`, { headersTimeout: PATIENCE }).catch(() => undefined)
      await answer?.body.dump()
      health.probes += 1
      health.slowest = Math.max(health.slowest, performance.now() - began)
      if (answer?.statusCode !== 200) health.failed += 1
      else health.memory = Math.max(health.memory, memoryOf(gateway.pid))
      await sleep(100)
    }
    return health
  }
  const looking = look()
  return () => {
    end.abort()
    return looking
  }
}

/** Lets an assault pass over a gateway, and sees whether it still is what it was. */
async function withstand(gateway: TestGateway, way: Way, what: string, long = LONG): Promise<void> {
  const life = watchLife(gateway)
  const { answers, broken } = await assault({ port: gateway.port, way, clients: CLIENTS, long })
  const health = await life()
  const metrics = await gateway.metrics()
  const shed = [...metrics.matchAll(/^heimdall_overload_shed_total\{reason="(\w+)"\} ([1-9]\d*)$/gm)].map(
    ([, reason, count]) => `${reason} ${count}`,
  )
  const dropped = Number(/^heimdall_connections_refused_total (\d+)$/m.exec(metrics)?.[1])

  const traffic = startTraffic(gateway.url, () => ({ kind: 'after', path: '/quick' }), { clients: 10, rate: 50 })
  const calm = () => traffic.answers.slice(-20).every(({ status }) => status === 200) && traffic.answers.length > 20
  const until = performance.now() + 20_000 // nobody hears a client leave while its body is not read: its deadline ends that
  while (!calm() && performance.now() < until) await sleep(50)
  await traffic.stop()

  report('F24', {
    what,
    livez_failed: health.failed,
    livez_slowest_ms: health.slowest,
    rss_most_mib: health.memory,
    rss_after_mib: memoryOf(gateway.pid),
    answers: JSON.stringify(answers),
    broken,
    shed: shed.join(', '),
    dropped,
  })
  assert.equal(gateway.child.exitCode ?? gateway.child.signalCode, null, `it lives\n${gateway.errors()}`)
  assert.equal(health.failed, 0, `${health.failed} of ${health.probes} probes`)
  const conditions = gateway.lines.filter(({ msg }) => String(msg).startsWith('overload ')).slice(-8)
  const { outcomes } = statsOf(traffic.answers)
  assert.ok(calm(), `the next are served: ${JSON.stringify(outcomes)} ${JSON.stringify(conditions)}`)
}

suite('an event loop that is blocked', () => {
  const keep = keeper()

  test('F24: for half a second costs half a second and no answer', async () => {
    const target = keep(await startTarget())
    const gateway = keep(await serve(file(target.url)))
    const traffic = startTraffic(gateway.url, () => ({ kind: 'steady', path: '/quick' }), { clients: 50, rate: 200 })
    const life = watchLife(gateway)
    await sleep(1500)
    for (let turn = 0; turn < 3; turn += 1) {
      signal(gateway.pid, 'SIGSTOP')
      await sleep(500)
      signal(gateway.pid, 'SIGCONT')
      await sleep(1000)
    }
    const answers = await traffic.stop()
    const stats = statsOf(answers)
    const health = await life()
    report(
      'F24',
      { what: 'blocked 3 x 500 ms', slowest_ms: longest(answers), p50_ms: stats.p50, livez_failed: health.failed },
      { total: stats.count, failed: stats.failed },
    )
    assert.equal(stats.failed, 0, JSON.stringify(stats.outcomes))
    assert.equal(health.failed, 0)
  })
})

suite('a heap of 128 MiB', () => {
  const keep = keeper()

  for (const way of ['wait', 'ignore'] as const) {
    test(`F24: is not filled by eight thousand clients that ${way}`, async () => {
      const target = keep(await startTarget())
      const gateway = keep(await serve(file(target.url), { flags: ['--max-old-space-size=128'] }))
      await withstand(gateway, way, `heap of 128 MiB, ${way}`)
    })
  }

  test('F24: sheds before it is full, also where the file lets in more than it holds', async () => {
    const target = keep(await startTarget())
    const overload = '{ connections: 12000, in_flight: 4000 }'
    const gateway = keep(await serve(file(target.url, overload), { flags: ['--max-old-space-size=64'] }))
    await withstand(gateway, 'wait', 'heap of 64 MiB, limits too high, wait', 2 * LONG)
    assert.ok(gateway.lines.some(({ msg, reason }) => msg === 'overload begins' && reason === 'memory'))
  })
})

suite('a container of 192 MiB', { skip: noContainer() }, () => {
  const keep = keeper()

  for (const way of ['wait', 'send', 'ignore', 'head'] as const) {
    test(`F24: is not filled by eight thousand clients that ${way}`, async () => {
      const target = keep(await startTarget())
      const container = contained(192 * MIB, () => serve(file(target.url)))
      const gateway = await container.started
      try {
        await withstand(gateway, way, `container of 192 MiB, ${way}`)
      } finally {
        await gateway.end('SIGKILL')
        container.remove()
      }
    })
  }
})
