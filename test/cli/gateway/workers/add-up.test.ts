import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { addUp, asText, type Told } from '#cli/gateway/workers/add-up.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { sample } from '../../../support/samples.ts'

/** What a process tells that counted so much. */
async function told(count: number, lag: number): Promise<readonly Told[]> {
  const metrics = createMetrics()
  for (let left = count; left > 0; left -= 1) {
    metrics.requests.inc({ route: 'orders', outcome: 'pass' })
    metrics.requestDuration.of('orders').observe(0.002)
  }
  metrics.eventLoopLag.set(lag)
  metrics.connectionsOpen.set(count)
  return JSON.parse(JSON.stringify(await metrics.registry.getMetricsAsJSON())) as Told[]
}

suite('metrics of several processes', () => {
  test('are counted together, and the worst of what cannot be', async () => {
    const page = await asText(addUp([await told(3, 0.5), await told(4, 0.2), []]))
    assert.equal(sample(page, 'heimdall_requests_total', { route: 'orders', outcome: 'pass' }), 7)
    assert.equal(sample(page, 'heimdall_request_duration_seconds_count'), 7)
    assert.equal(sample(page, 'heimdall_request_duration_seconds_bucket', { le: '0.0025' }), 7)
    assert.equal(sample(page, 'heimdall_request_duration_seconds_bucket', { le: '0.001' }), 0)
    assert.equal(sample(page, 'heimdall_event_loop_lag_seconds'), 0.5)
    assert.equal(sample(page, 'heimdall_connections_open'), 7)
  })

  test('read as those of one process do', async () => {
    const one = createMetrics()
    one.requests.inc({ route: 'a "b"', outcome: 'pass' })
    one.requestDuration.of('orders').observe(0.002)
    const alone = await one.registry.metrics()
    const told = (await one.registry.getMetricsAsJSON()) as unknown as Told[]
    const lines = (text: string) => text.split('\n').toSorted()
    assert.deepEqual(lines(await asText(addUp([told]))), lines(alone))
  })
})
