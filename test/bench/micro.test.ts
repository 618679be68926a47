import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { judge } from '../../bench/micro/judge.ts'
import { questions } from '../../bench/micro/questions.ts'

suite('the check of the micro-benchmarks', () => {
  const verdicts = (...ratios: number[]) => ratios.map((ratio) => judge([ratio], 2).verdict)

  test('takes a tenth more without a word, and anything less', () => {
    assert.deepEqual(verdicts(0.1, 1.9, 2, 2.2), ['good', 'good', 'good', 'good'])
  })

  test('warns above a tenth, up to a quarter', () => {
    assert.deepEqual(verdicts(2.201, 2.4, 2.5), ['warns', 'warns', 'warns'])
  })

  test('fails above a quarter', () => {
    assert.deepEqual(verdicts(2.501, 4), ['fails', 'fails'])
  })

  test('counts the cheapest of several takes', () => {
    assert.deepEqual(judge([3, 2.3, 2.6], 2), { change: 2.3 / 2 - 1, verdict: 'warns' })
  })

  test('says so when the baseline does not know a question', () => {
    assert.deepEqual(judge([1], undefined), { change: Number.NaN, verdict: 'new' })
  })

  test('calls nothing good that could not be measured', () => {
    assert.equal(judge([Number.NaN], 2).verdict, 'fails')
  })
})

suite('the questions of the micro-benchmarks', () => {
  test('have names of their own that begin with a folder of src', () => {
    const names = questions.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
    for (const name of names)
      assert.match(name, /^(?:request|routing|authn|authz|ratelimit|identity|gate|http|telemetry)\/[\w-]+$/)
  })
})
