/**
 * Workers and a primary that hang: neither takes the other along.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { request } from 'undici'

import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { keeper } from '../support/keeper.ts'
import { startLoad, tally } from '../support/load.ts'
import { childrenOf, eventually, signal } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import { startService } from '../support/service.ts'

suite('workers that hang', () => {
  const keep = keeper()
  let gateway: TestGateway

  before(async () => {
    const service = keep(await startService((_, response) => void response.end('served')))
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
workers: 2
grace: 1s
upstreams: { service: "${service.url}" }
defaults: { upstream: service }
routes:
  - { path: /x, public: true }
  - { path: /limited, public: true, limits: [{ allow: 40/h, by: client }] }
`),
    )
  })

  const ready = async () => (await request(`${gateway.probes}/readyz`)).statusCode === 200
  const open = async () => sample(await gateway.metrics(), 'heimdall_workers')
  const told = (text: string) => gateway.lines.filter(({ msg }) => msg === text).length

  test('are served around when it is the primary, with a share of each limit', async () => {
    gateway.child.kill('SIGSTOP')
    const load = startLoad(gateway.url, () => ({ kind: 'x', path: '/x' }), { connections: 16 })
    const answers = await Promise.all(Array.from({ length: 120 }, () => ask(gateway, 'GET /limited')))
    const passed = answers.map(outcomeOf).filter((outcome) => outcome === '200').length
    await eventually('requests are answered', () => load.answers.length > 500)
    gateway.child.kill('SIGCONT')
    const all = await load.stop()
    assert.deepEqual(Object.keys(tally(all)), ['x 200'])
    assert.equal(passed, 40, 'two shares of twenty')
    await eventually('it is told', () => told('the primary does not answer: limits are counted by share') === 2)
    await eventually('it is ready', ready)
    assert.equal(sample(await gateway.metrics(), 'heimdall_limit_shares_total'), 2)
    assert.equal(told('worker ended'), 0)
  })

  test('are replaced when it is a worker', async () => {
    const [victim = 0] = childrenOf(gateway.pid)
    signal(victim, 'SIGSTOP')
    const ended = await gateway.line(({ msg }) => msg === 'worker ended', 40_000)
    assert.deepEqual([ended['worker_pid'], ended['cause']], [victim, 'hangs'])
    await eventually('both serve', async () => (await open()) === 2, 15_000)
    await eventually('it is ready', ready)
    const load = startLoad(gateway.url, () => ({ kind: 'x', path: '/x' }), { connections: 16, count: 1000 })
    assert.deepEqual(tally(await load.done), { 'x 200': 1000 })
  })
})
