import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'
import { Counter, Registry } from 'prom-client'

import { tallied } from '#telemetry/tallied.ts'

const [name, help, labelNames] = ['heimdall_things_total', 'How many things.', ['kind', 'end'] as const]
const counter = (registry: Registry) => new Counter({ name, help, labelNames, registers: [registry] })

suite('tallied', () => {
  test('exports what the counter itself would, however often it is scraped', async () => {
    const values = fc.record({ kind: fc.constantFrom('a', 'b"c', 'a,b'), end: fc.constantFrom('', 'b', 'pass') })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(values, fc.constant('scrape' as const))), async (steps) => {
        const [ours, theirs] = [new Registry(), new Registry()]
        const [metric, model] = [tallied(counter(ours)), counter(theirs)]
        for (const step of steps) {
          if (step === 'scrape') await ours.metrics()
          else {
            metric.labels(step).inc()
            model.inc(step)
          }
        }
        assert.deepEqual((await ours.metrics()).split('\n').sort(), (await theirs.metrics()).split('\n').sort())
      }),
    )
  })

  test('gives the same series for the same values, so that reloads add none', () => {
    const metric = tallied(counter(new Registry()))
    assert.equal(metric.labels({ kind: 'a', end: 'b' }), metric.labels({ kind: 'a', end: 'b' }))
    assert.notEqual(metric.labels({ kind: 'a,', end: 'b' }), metric.labels({ kind: 'a', end: ',b' }))
  })

  test('takes what is counted past the tallies too', async () => {
    const metric = tallied(counter(new Registry()))
    metric.labels({ kind: 'a', end: 'b' }).inc()
    metric.inc({ kind: 'a', end: 'b' })
    assert.deepEqual(
      (await metric.get()).values.map(({ value }) => value),
      [2],
    )
  })
})
