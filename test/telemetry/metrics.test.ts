import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'
import { Histogram, Registry } from 'prom-client'

import { newEvidence } from '#request/evidence.ts'
import { DurationMetric } from '#telemetry/durations.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import { routeMetrics, stageMetrics } from '#telemetry/observe.ts'

const buckets = [0.001, 0.01, 0.5]

suite('DurationMetric', () => {
  test('exports byte for byte what the histogram of prom-client exports', async () => {
    const observations = fc.array(
      fc.tuple(fc.constantFrom('a', 'b"c\\d'), fc.constantFrom(0, 0.0005, 0.001, 0.25, 0.5, 7)),
    )
    await fc.assert(
      fc.asyncProperty(observations, async (list) => {
        const [ours, theirs] = [new Registry(), new Registry()]
        const metric = new DurationMetric({
          name: 'd_seconds',
          help: 'How long.',
          label: 'route',
          buckets,
          registry: ours,
        })
        const model = new Histogram({
          name: 'd_seconds',
          help: 'How long.',
          labelNames: ['route'],
          buckets,
          registers: [theirs],
        })
        for (const [route, seconds] of list) {
          metric.of(route).observe(seconds)
          model.observe({ route }, seconds)
        }
        assert.equal(await ours.metrics(), await theirs.metrics())
      }),
    )
  })

  test('gives the same series for the same label value, and none after a reset', async () => {
    const registry = new Registry()
    const metric = new DurationMetric({ name: 'd_seconds', help: 'How long.', label: 'route', buckets, registry })
    assert.equal(metric.of('a'), metric.of('a'))
    registry.resetMetrics()
    assert.deepEqual((await metric.get()).values, [])
  })
})

suite('createMetrics', () => {
  test('states for every metric, in heimdall_ names, the question it answers', async () => {
    const text = await createMetrics().registry.metrics()
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
    assert.ok(names.length > 20)
    for (const name of names) assert.match(name ?? '', /^heimdall_[a-z0-9_]+$/)
    assert.doesNotMatch(text, /^# HELP \S+ *$/m)
  })
})

suite('what every request observes', () => {
  test('counts by route and outcome, and times by route', async () => {
    const metrics = createMetrics()
    const orders = routeMetrics(metrics, 'orders')
    orders.observe('pass', 0.002)
    orders.observe('pass', 0.002)
    orders.observe('rate_limited', 0.0001)
    const text = await metrics.registry.metrics()
    assert.match(text, /heimdall_requests_total\{route="orders",outcome="pass"\} 2/)
    assert.match(text, /heimdall_requests_total\{route="orders",outcome="rate_limited"\} 1/)
    assert.match(text, /heimdall_request_duration_seconds_count\{route="orders"\} 3/)
  })

  test('times the stages that ran and no others', async () => {
    const metrics = createMetrics()
    const { timings } = newEvidence('r', 't')
    timings[0] = 0.02
    stageMetrics(metrics)(timings)
    const text = await metrics.registry.metrics()
    assert.match(text, /heimdall_stage_duration_seconds_sum\{stage="match"\} 0.00002/)
    assert.match(text, /heimdall_stage_duration_seconds_count\{stage="match"\} 1/)
    assert.match(text, /heimdall_stage_duration_seconds_count\{stage="identify"\} 0/)
  })
})
