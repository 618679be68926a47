import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { newRequestId, newTrace, requestId, traceFrom } from '#telemetry/trace.ts'

import { incoming } from '../support/incoming.ts'

const trace_id = '4bf92f3577b34da6a3ce929d0e0e4736'
const parent_id = '00f067aa0ba902b7'
const good = `00-${trace_id}-${parent_id}-01`

const from = (traceparent: string, ...more: string[]) =>
  traceFrom(incoming({ headers: ['traceparent', traceparent, ...more] }), true)
const state = (...lines: string[]) => from(good, ...lines.flatMap((line) => ['tracestate', line])).tracestate

suite('newTrace', () => {
  test('makes well-formed names that do not repeat', () => {
    const traces = Array.from({ length: 1000 }, () => newTrace())
    for (const trace of traces) {
      assert.match(trace.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      assert.equal(trace.traceparent, `00-${trace.trace_id}-${trace.span_id}-01`)
    }
    assert.equal(new Set(traces.map((trace) => trace.trace_id)).size, 1000)
    assert.equal(new Set(traces.map((trace) => trace.span_id)).size, 1000)
    assert.equal(new Set(Array.from({ length: 1000 }, newRequestId)).size, 1000)
  })
})

suite('traceFrom', () => {
  test('continues the trace of a trusted peer under a span of our own', () => {
    const trace = from(good)
    assert.deepEqual(
      { ...trace, span_id: '', traceparent: '' },
      {
        trace_id,
        parent_id,
        span_id: '',
        sampled: true,
        traceparent: '',
        tracestate: undefined,
      },
    )
    assert.notEqual(trace.span_id, parent_id)
    assert.equal(trace.traceparent, `00-${trace_id}-${trace.span_id}-01`)
  })

  test('believes nothing of what an untrusted peer sends', () => {
    const trace = traceFrom(incoming({ headers: ['traceparent', good, 'tracestate', 'a=1'] }), false)
    assert.notEqual(trace.trace_id, trace_id)
    assert.equal(trace.parent_id, undefined)
    assert.equal(trace.tracestate, undefined)
  })

  test('hands on the decision not to sample, and no flag it does not know', () => {
    assert.match(from(`00-${trace_id}-${parent_id}-00`).traceparent, /-00$/)
    assert.match(from(`00-${trace_id}-${parent_id}-fe`).traceparent, /-00$/)
    assert.match(from(`00-${trace_id}-${parent_id}-ff`).traceparent, /-01$/)
  })

  test('reads the four known fields of a later version', () => {
    assert.equal(from(`cc-${trace_id}-${parent_id}-01`).trace_id, trace_id)
    assert.equal(from(`cc-${trace_id}-${parent_id}-01-what-comes-later`).trace_id, trace_id)
  })

  for (const [flaw, value] of [
    ['version ff', `ff-${trace_id}-${parent_id}-01`],
    ['version 00 with a fifth field', `${good}-more`],
    ['a later version that runs on without a dash', `cc-${trace_id}-${parent_id}-01x`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${parent_id}-01`],
    ['a parent id of zeros', `00-${trace_id}-${'0'.repeat(16)}-01`],
    ['upper-case digits', good.toUpperCase()],
    ['too short a trace id', `00-${trace_id.slice(1)}-${parent_id}-01`],
    ['spaces around it', ` ${good} `],
    ['nothing', ''],
  ] as const) {
    test(`starts a new trace when traceparent has ${flaw}`, () => {
      const trace = from(value, 'tracestate', 'a=1')
      assert.notEqual(trace.trace_id, trace_id)
      assert.equal(trace.parent_id, undefined)
      assert.equal(trace.tracestate, undefined)
    })
  }

  test('starts a new trace when traceparent stands twice', () => {
    assert.equal(from(good, 'Traceparent', good).parent_id, undefined)
  })
})

suite('tracestate', () => {
  test('is handed on as one list', () => {
    assert.equal(
      state('rojo=00f067aa0ba902b7, congo=t61rcWkgMzE', '', 'fw529a3039@dt=FfAb*'),
      'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,fw529a3039@dt=FfAb*',
    )
  })

  for (const [flaw, lines] of [
    ['a key in upper case', ['Rojo=1']],
    ['a key twice', ['a=1,b=2', 'a=3']],
    ['a member without value', ['a=1,b']],
    ['an equals sign in a value', ['a=1=2']],
    ['a tab in a value', ['a=1\t2']],
    ['33 members', [Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(',')]],
    ['more than 512 characters', [`a=${'x'.repeat(250)},b=${'x'.repeat(250)},c=${'x'.repeat(20)}`]],
  ] as const) {
    test(`is dropped, and the trace kept, when it has ${flaw}`, () => {
      assert.equal(state(...lines), undefined)
    })
  }
})

suite('requestId', () => {
  const id = (value: string, trusted = true, ...more: string[]) =>
    requestId(incoming({ headers: ['X-Request-Id', value, ...more] }), trusted)

  test('keeps a well-formed id of a trusted peer', () => {
    assert.equal(id('8e1c.ab_c-1'), '8e1c.ab_c-1')
    assert.equal(id('x'.repeat(128)), 'x'.repeat(128))
  })

  test('makes a new one for everybody else', () => {
    const made = /^[0-9a-f]{24}$/
    assert.match(id('8e1c-abcd', false), made)
    for (const bad of ['', 'short', 'x'.repeat(129), 'has space in it', '{"a":"b"}', 'schrägstrich'])
      assert.match(id(bad), made)
    assert.match(id('8e1c-abcd', true, 'x-request-id', '8e1c-abcd'), made)
    assert.match(requestId(incoming(), true), made)
  })
})
