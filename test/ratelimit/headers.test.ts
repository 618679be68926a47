import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { refusalHeaders, reportHeaders } from '#ratelimit/headers.ts'
import { newEvidence, type LimitReport } from '#request/evidence.ts'

const perUser: LimitReport = {
  limit: 'per-user',
  allowed: true,
  quota: 100,
  period: 60,
  remaining: 50,
  reset: 29.2,
  reported: true,
  store: 'memory',
}

function evidenceOf(...limits: Partial<LimitReport>[]) {
  const evidence = newEvidence('r1', 't1')
  evidence.limits.push(...limits.map((part) => ({ ...perUser, ...part })))
  return evidence
}

suite('reportHeaders', () => {
  test('tells policy and state of a limit in the form of the IETF draft', () => {
    assert.deepEqual(reportHeaders(evidenceOf({})), {
      'RateLimit-Policy': '"per-user";q=100;w=60',
      RateLimit: '"per-user";r=50;t=30',
    })
  })

  test('lists several limits in one field', () => {
    const headers = reportHeaders(
      evidenceOf({}, { limit: 'per-client', quota: 5, period: 1.5, remaining: 0, reset: 0 }),
    )
    assert.deepEqual(headers, {
      'RateLimit-Policy': '"per-user";q=100;w=60, "per-client";q=5;w=2',
      RateLimit: '"per-user";r=50;t=30, "per-client";r=0;t=0',
    })
  })

  test('is silent about limits that do not report', () => {
    assert.deepEqual(reportHeaders(evidenceOf({ reported: false })), {})
    assert.deepEqual(reportHeaders(evidenceOf()), {})
  })

  test('keeps names from breaking out of their quotes', () => {
    const headers = reportHeaders(evidenceOf({ limit: 'a"b\\c\u00e9\r\n' }))
    assert.equal(headers['RateLimit'], String.raw`"a\"b\\c???";r=50;t=30`)
  })
})

suite('refusalHeaders', () => {
  test('names the limits that refused, and waits for the slowest of them', () => {
    const refused = { allowed: false, reported: false, remaining: 0 }
    const evidence = evidenceOf(
      { ...refused, reset: 2.1 },
      { ...refused, limit: 'b', reset: 9 },
      { limit: 'c', reported: false },
    )
    assert.deepEqual(refusalHeaders(evidence), {
      'Retry-After': '9',
      'RateLimit-Policy': '"per-user";q=100;w=60, "b";q=100;w=60',
      RateLimit: '"per-user";r=0;t=3, "b";r=0;t=9',
    })
  })

  test('never says to retry at once', () => {
    assert.equal(refusalHeaders(evidenceOf({ allowed: false, reset: 0 }))['Retry-After'], '1')
  })
})
