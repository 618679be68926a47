import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { Overload, type OverloadLimits, type Sample } from '#resilience/overload.ts'
import { createMetrics } from '#telemetry/metrics.ts'

const calm: Sample = { heap: 0.1, resident: 0.1, lag: 0 }
const full: Sample = { ...calm, resident: 0.91 }
const late: Sample = { ...calm, lag: 501 }

interface Line {
  readonly msg: string
  readonly reason: unknown
}

function world(changes: Partial<OverloadLimits> = {}) {
  const state = { inFlight: 0, limits: { connections: 10, in_flight: 1000, memory: 0.9, delay: 500, ...changes } }
  const lines: Line[] = []
  const note = (fields: Readonly<Record<string, unknown>>, msg: string) =>
    void lines.push({ msg, reason: fields['reason'] })
  const log = { debug: note, info: note, warn: note, error: note }
  const metrics = createMetrics()
  const overload = new Overload({ limits: () => state.limits, inFlight: () => state.inFlight, metrics, log })
  /** How many requests are let in from now on, when none of them ends; what is in flight before stays. */
  const room = () => {
    const before = state.inFlight
    let count = 0
    while (overload.refuse() === undefined && count < 5000) {
      count += 1
      state.inFlight += 1
    }
    state.inFlight = before
    return count
  }
  const sample = (what: Sample, times = 1) => {
    for (let index = 0; index < times; index += 1) overload.sample(what)
  }
  return { state, lines, metrics, overload, room, sample }
}

suite('a gateway with room', () => {
  test('lets in as many requests as may be in flight, and refuses the next with its reason', () => {
    const { room, state, overload } = world()
    assert.equal(room(), 1000)
    state.inFlight = 1000
    const refusal = overload.refuse()
    assert.deepEqual([refusal?.code, refusal?.note], ['overloaded', 'in_flight'])
  })

  test('goes by the limits in force since the last sample', () => {
    const { room, state, sample } = world()
    state.limits = { ...state.limits, in_flight: 3 }
    sample(calm)
    assert.equal(room(), 3)
    state.limits = { ...state.limits, in_flight: 2000 }
    sample(calm)
    assert.equal(room(), 2000)
  })

  test('says so once when it begins to refuse, and once when it has not for a second', () => {
    const { overload, state, lines, sample } = world({ in_flight: 1 })
    state.inFlight = 1
    for (let index = 0; index < 50; index += 1) overload.refuse()
    sample(calm)
    assert.deepEqual(overload.reasons, ['in_flight'])
    state.inFlight = 0
    sample(calm, 9)
    assert.deepEqual(overload.reasons, ['in_flight'])
    sample(calm)
    assert.deepEqual(overload.reasons, [])
    assert.deepEqual(lines, [
      { msg: 'overload begins', reason: 'in_flight' },
      { msg: 'overload ends', reason: 'in_flight' },
    ])
  })

  test('counts what it refuses by reason', async () => {
    const { overload, state, metrics } = world({ in_flight: 1 })
    state.inFlight = 1
    overload.refuse()
    overload.refuse()
    assert.equal(overload.refuseConnection().note, 'connections')
    const { values } = await metrics.overloadShed.get()
    assert.deepEqual(Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value])), {
      connections: 1,
      in_flight: 2,
      memory: 0,
      delay: 0,
    })
  })
})

suite('full memory', () => {
  for (const kind of ['heap', 'resident'] as const) {
    test(`brings requests down to eight at once at the first sample (${kind})`, () => {
      const { room, overload, sample } = world()
      sample({ ...calm, [kind]: 0.9 })
      assert.equal(overload.memory, 'full')
      assert.equal(room(), 8)
    })
  }

  test('ends below nine tenths of its limit, not sooner, and lets more in by and by', () => {
    const { room, overload, sample, lines } = world()
    sample(full)
    sample({ ...calm, resident: 0.82 }, 20)
    assert.equal(room(), 8)
    sample({ ...calm, resident: 0.72 })
    assert.equal(room(), 16)
    sample(calm, 10)
    assert.ok(room() > 50 && room() < 200, `${room()} after a second`)
    sample(calm, 30)
    assert.equal(room(), 1000)
    assert.equal(overload.memory, 'free')
    assert.deepEqual(
      lines.map(({ msg, reason }) => `${msg} ${String(reason)}`).toSorted(),
      ['memory', 'memory_strained']
        .flatMap((reason) => [`overload begins ${reason}`, `overload ends ${reason}`])
        .toSorted(),
    )
  })

  test('is announced: from nine tenths on memory is strained, until it is well below', () => {
    const { overload, sample, room } = world()
    sample({ ...calm, heap: 0.82 })
    assert.equal(overload.memory, 'strained')
    assert.equal(room(), 1000)
    sample({ ...calm, heap: 0.74 })
    assert.equal(overload.memory, 'strained')
    sample({ ...calm, heap: 0.72 })
    assert.equal(overload.memory, 'free')
  })

  test('is critical half-way between its limit and the end', () => {
    const { overload, sample } = world()
    sample({ ...calm, heap: 0.94 })
    assert.equal(overload.memory, 'full')
    sample({ ...calm, heap: 0.95 })
    assert.equal(overload.memory, 'critical')
  })
})

suite('an event loop that is late', () => {
  test('once is no reason to refuse anything', () => {
    const { room, sample } = world()
    for (let index = 0; index < 10; index += 1) {
      sample({ ...calm, lag: 30_000 })
      sample(calm)
    }
    assert.equal(room(), 1000)
  })

  test('twice in a row halves what is in flight, and again for as long as it is late', () => {
    const { room, state, sample, overload } = world()
    state.inFlight = 400
    sample(late, 2)
    assert.deepEqual(overload.reasons, ['delay'])
    assert.equal(overload.refuse()?.note, 'delay')
    state.inFlight = 0
    assert.equal(room(), 200)
    state.inFlight = 200
    sample(late)
    state.inFlight = 0
    assert.equal(room(), 100)
  })

  test('never refuses the first eight, whatever it is that makes it late', () => {
    const { room, sample } = world()
    sample(late, 1000)
    assert.equal(room(), 8)
  })

  test('lets all in again within seconds once it keeps up', () => {
    const { room, sample, overload, lines } = world({ in_flight: 4096 })
    sample(late, 10)
    sample(calm, 60)
    assert.equal(room(), 4096)
    assert.deepEqual(overload.reasons, [])
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      ['overload begins', 'overload ends'],
    )
  })
})

suite('whatever the samples', () => {
  const share = fc.double({ min: 0, max: 1.2, noNaN: true })
  const samples = fc.array(
    fc.record({ heap: share, resident: share, lag: fc.integer({ min: 0, max: 5000 }), inFlight: fc.nat(3000) }),
    { maxLength: 60 },
  )

  test('between eight and the limit are let in, and calm brings all of it back', () => {
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 2000 }), (all, in_flight) => {
        const { state, overload, room, sample } = world({ in_flight })
        for (const { inFlight, ...one } of all) {
          state.inFlight = inFlight
          overload.sample(one)
          state.inFlight = 0
          const most = room()
          assert.ok(most >= Math.min(8, in_flight) && most <= in_flight, `${most} of ${in_flight}`)
        }
        sample(calm, 80)
        assert.equal(room(), in_flight)
        assert.deepEqual(overload.reasons, [])
      }),
    )
  })
})
