import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { upstreamSchema } from '#config/upstream.ts'
import { createBackends } from '#proxy/backends.ts'
import type { Upstream } from '#proxy/upstream.ts'
import { createUpstreams } from '#proxy/upstreams.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { sample } from '../support/samples.ts'
import { until } from '../support/wire.ts'

const targets = ['http://127.0.0.1:1', 'http://127.0.0.1:2']
const block = (options: object = {}) => upstreamSchema.parse({ targets, breaker: { of_at_least: 5 }, ...options })

suite('upstreams', () => {
  const make = () => {
    const metrics = createMetrics()
    const upstreams = createUpstreams({ backends: createBackends(metrics), metrics, log: silent })
    const read = async (name: string, labels: Record<string, string>) =>
      sample(await metrics.registry.metrics(), name, labels)
    return { upstreams, metrics, read }
  }
  /** Fails until the breaker opens. */
  const spoil = async (upstream: Upstream) => {
    for (let count = 0; count < 5; count += 1) upstream.breaker.admit()?.failed(new Error('refused'))
    await until(() => upstream.breaker.admit() === undefined, 'the breaker to open')
  }

  test('keep what is known of an upstream across reloads that leave its block as it was', async () => {
    const { upstreams, read } = make()
    const first = upstreams.get('orders', block(), 'pem')
    await spoil(first)
    upstreams.retain([upstreams.get('orders', block(), 'pem')])
    assert.equal(upstreams.get('orders', block(), 'pem'), first)
    assert.equal(first.breaker.admit(), undefined, 'the breaker is still open')
    assert.equal(await read('heimdall_breaker_state', { breaker: 'upstream orders' }), 2)
    upstreams.close()
  })

  test('start afresh when the block is another, and keep the targets that stay', async () => {
    const { upstreams, read } = make()
    const first = upstreams.get('orders', block(), undefined)
    await spoil(first)
    for (let count = 0; count < 5; count += 1) first.ejection.failed(backendOf(first, 0))
    for (const [options, ca] of [
      [block(), 'pem'] as const,
      [block({ timeout: { headers: '9s' } }), undefined] as const,
    ])
      assert.notEqual(upstreams.get('orders', options, ca), first)
    assert.notEqual(upstreams.get('reports', block(), undefined), first)

    const next = upstreams.get('orders', block({ targets: [...targets, 'http://127.0.0.1:3'] }), undefined)
    upstreams.retain([next])
    assert.ok(next.breaker.admit())
    assert.equal(await read('heimdall_breaker_state', { breaker: 'upstream orders' }), 0)
    assert.deepEqual([backendOf(next, 0), backendOf(next, 0).ejected], [backendOf(first, 0), true])
    assert.equal(await read('heimdall_upstream_targets_ejected', { upstream: 'orders' }), 1)
    upstreams.close()
  })

  test('leave no word in the metrics of those that a reload took out of the file', async () => {
    const { upstreams, metrics } = make()
    const [kept, dropped] = [upstreams.get('orders', block(), undefined), upstreams.get('reports', block(), undefined)]
    await spoil(dropped)
    for (let count = 0; count < 5; count += 1) dropped.ejection.failed(backendOf(dropped, 0))
    upstreams.retain([kept])
    const text = await metrics.registry.metrics()
    for (const name of ['breaker_state', 'upstream_connections', 'upstream_targets_ejected'])
      assert.doesNotMatch(text, new RegExp(`^heimdall_${name}.*reports`, 'm'))
    assert.match(text, /^heimdall_breaker_state\{breaker="upstream orders"\} 0$/m)
    upstreams.close()
  })
})

function backendOf({ backends }: Upstream, index: number) {
  const backend = backends[index]
  assert.ok(backend)
  return backend
}
