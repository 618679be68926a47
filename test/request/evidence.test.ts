import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { newEvidence, stages } from '#request/evidence.ts'

suite('newEvidence', () => {
  test('knows the ids and nothing else yet', () => {
    const evidence = newEvidence('r1', 't1')
    assert.equal(evidence.request_id, 'r1')
    assert.equal(evidence.trace_id, 't1')
    assert.equal(evidence.principal, undefined)
    assert.deepEqual(
      [...evidence.timings],
      stages.map(() => Number.NaN),
    )
  })

  test('shares nothing between requests', () => {
    const [one, other] = [newEvidence('r1', 't1'), newEvidence('r2', 't2')]
    assert.notEqual(one.limits, other.limits)
    assert.notEqual(one.timings, other.timings)
  })
})
