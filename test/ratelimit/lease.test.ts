/**
 * Borrowers and a lender, with a clock and messages of the test's: what limits promise when several processes count.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { Borrower } from '#ratelimit/lease-borrower.ts'
import { Lender } from '#ratelimit/lease-lender.ts'
import { ASK_PATIENCE, LEASE, RECALL_PATIENCE, REFUSED_FOR } from '#ratelimit/lease.ts'
import type { Quota, Taken } from '#ratelimit/window.ts'

const LATEST = 5 // milliseconds that a message travels at most
const LOOK = 100

interface Answer {
  readonly at: number
  readonly allowed: boolean
}

/** Processes on one clock; `delay` says how long the next message travels. */
function processes(borrowers: number, delay: () => number = () => 1) {
  const events: { readonly at: number; readonly call: () => void }[] = []
  const deaf = new Set<number | 'lender'>()
  let now = 1000
  let messages = 0
  const later = (milliseconds: number, call: () => void) => void events.push({ at: now + milliseconds, call })
  const turns: string[] = []
  const lender: Lender = new Lender({
    borrowers,
    now: () => now,
    after: later,
    tell(borrower, lending) {
      messages += 1
      const to = all[borrower]
      later(delay(), () => deaf.has(borrower) || to?.hear(lending))
    },
  })
  const all = Array.from({ length: borrowers }, (_, index) => {
    const made = new Borrower({
      borrowers,
      now: () => now,
      soon: (call) => later(0, call),
      onTurn: (to) => void turns.push(to),
      tell(borrowing) {
        messages += 1
        later(delay(), () => deaf.has('lender') || lender.hear(index, borrowing))
      },
    })
    return made
  })

  /** Lets the time pass, event by event. */
  const pass = async (milliseconds: number) => {
    const end = now + milliseconds
    for (;;) {
      const next = events.reduce((one, other) => (other.at < one.at ? other : one), events[0] ?? { at: Infinity })
      if (next.at > end) break
      events.splice(events.indexOf(next as (typeof events)[number]), 1)
      now = Math.max(now, next.at)
      ;(next as (typeof events)[number]).call()
      for (let turn = 0; turn < 4; turn += 1) await Promise.resolve()
    }
    now = end
  }
  const looking = () => {
    for (const one of all) one.look()
    later(LOOK, looking)
  }
  looking()

  const counters = new Map<string, ReturnType<Borrower['counter']>>()
  /** Asks once; the answer comes when time passes. */
  const ask = (borrower: number, quota: Quota, key = 'alice') => {
    const name = `${borrower}/${quota.count}`
    const counter = counters.get(name) ?? all[borrower]?.counter(`limit${quota.count}`, quota)
    assert.ok(counter !== undefined)
    counters.set(name, counter)
    const answered: { taken?: Taken; at?: number; giveBack(): void } = {
      giveBack: () => answered.taken?.allowed === true && counter.giveBack(key, answered.taken.at),
    }
    const note = (taken: Taken) => void Object.assign(answered, { taken, at: now })
    const taken = counter.take(key)
    if (taken instanceof Promise) void taken.then(note)
    else note(taken)
    return answered
  }
  return { ask, pass, deaf, lender, turns, now: () => now, messages: () => messages }
}

const minute = (count: number): Quota => ({ count, period: 60_000_000 })

suite('leases', () => {
  const plan = fc.record({
    borrowers: fc.integer({ min: 2, max: 5 }),
    count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 40, max: 2000 })),
    period: fc.integer({ min: 200, max: 5000 }),
    delays: fc.array(fc.integer({ min: 0, max: LATEST }), { minLength: 1, maxLength: 20 }),
    /** Bursts: a pause before them, where, and how many at once. */
    bursts: fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.nat(4), fc.integer({ min: 1, max: 60 })), {
      minLength: 1,
      maxLength: 120,
    }),
  })

  test('let no more than the quota and a sixteenth pass in any period, and refuse nobody before it is used up', async () => {
    const property = fc.asyncProperty(plan, async ({ borrowers, count, period, delays, bursts }) => {
      let turn = 0
      const { ask, pass } = processes(borrowers, () => delays[turn++ % delays.length] ?? 0)
      const asked: ReturnType<typeof ask>[] = []
      for (const [pause, where, size] of bursts) {
        await pass(pause)
        for (let left = size; left > 0; left -= 1) asked.push(ask(where % borrowers, { count, period: period * 1000 }))
      }
      await pass(2 * RECALL_PATIENCE)
      const answers = asked.map(({ taken, at }): Answer => {
        assert.ok(taken !== undefined && at !== undefined, 'never answered')
        return { at, allowed: taken.allowed }
      })
      const passed = answers
        .filter(({ allowed }) => allowed)
        .map(({ at }) => at)
        .toSorted((a, b) => a - b)
      const within = (from: number, to: number) => passed.filter((at) => at >= from && at <= to).length
      const [books, held] = [count < 64 ? 0 : count / 32, count < 32 * borrowers ? 0 : count / 32]
      const most = Math.floor(count + books + held)
      for (const at of passed) assert.ok(within(at, at + period - 2 * LATEST - 1) <= most, 'too many')
      for (const { at, allowed } of answers)
        if (!allowed) assert.ok(within(at - period - 2 * LATEST, at + LATEST) >= count, 'refused too early')
    })
    await fc.assert(property, { numRuns: 300 })
  })

  test('are exact for a small quota, over any mix of processes', async () => {
    const { ask, pass } = processes(4)
    const answers = Array.from({ length: 200 }, (_, turn) => ask(turn % 4, minute(100)))
    await pass(100)
    assert.equal(answers.filter(({ taken }) => taken?.allowed).length, 100)
  })

  test('cost a busy key of a large quota one message in a hundred requests', async () => {
    const { ask, pass, messages } = processes(2)
    for (let turn = 0; turn < 5000; turn += 1) {
      ask(turn % 2, minute(1_000_000))
      await pass(1)
    }
    assert.ok(messages() < 150, `${messages()} messages`)
  })

  test('cost a key that is rarely asked for one question and one answer', async () => {
    const { ask, pass, messages } = processes(2)
    for (let turn = 0; turn < 10; turn += 1) {
      ask(0, minute(1_000_000))
      await pass(2 * LEASE)
    }
    assert.equal(messages(), 20)
  })

  test('lend out again at once what another process holds and does not use', async () => {
    const { ask, pass } = processes(2)
    const quota = minute(640)
    const early = Array.from({ length: 600 }, () => ask(0, quota))
    await pass(10)
    for (let turn = 0; turn < 8; turn += 1) {
      early.push(ask(0, quota))
      await pass(3)
    }
    const rest = Array.from({ length: 60 }, () => ask(1, quota))
    await pass(3 * RECALL_PATIENCE)
    const allowed = [...early, ...rest].filter(({ taken }) => taken?.allowed).length
    assert.equal(allowed, 640)
  })

  test('lend that out again also when its holder has just given a request back', async () => {
    const { ask, pass } = processes(2)
    const quota = minute(640)
    const early = Array.from({ length: 600 }, () => ask(0, quota))
    await pass(10)
    for (let turn = 0; turn < 8; turn += 1) {
      early.push(ask(0, quota))
      await pass(3)
    }
    early.at(-1)?.giveBack()
    await pass(3)
    const rest = Array.from({ length: 60 }, () => ask(1, quota))
    await pass(3 * RECALL_PATIENCE)
    const allowed = [...early, ...rest].filter(({ taken }) => taken?.allowed).length
    assert.equal(allowed - 1, 640)
  })

  test('give back what another limit refused', async () => {
    const { ask, pass } = processes(2)
    const first = ask(0, minute(1))
    await pass(10)
    first.giveBack()
    const second = ask(1, minute(1))
    await pass(10)
    assert.deepEqual([first.taken?.allowed, second.taken?.allowed], [true, true])
    const third = ask(0, minute(1))
    await pass(10)
    assert.equal(third.taken?.allowed, false)
  })

  test('repeat a refusal without a message, and not for longer than it holds', async () => {
    const { ask, pass, messages } = processes(2)
    const quota = { count: 1, period: 50_000 }
    ask(0, quota)
    await pass(10)
    ask(0, quota)
    await pass(10)
    const known = messages()
    const again = ask(0, quota)
    await pass(0)
    assert.equal(again.taken?.allowed, false)
    assert.ok((again.taken?.wait ?? 0) > 0)
    assert.equal(messages(), known)
    await pass(REFUSED_FOR)
    const later = ask(0, quota)
    await pass(10)
    assert.equal(later.taken?.allowed, true)
  })

  test('wait for no process that hangs or is gone', async () => {
    const { ask, pass, deaf, lender } = processes(3)
    const quota = minute(960)
    for (let turn = 0; turn < 8; turn += 1) {
      for (const borrower of [0, 1]) ask(borrower, quota)
      await pass(3)
    }
    deaf.add(0)
    lender.leave(1)
    const rest = Array.from({ length: 1000 }, () => ask(2, quota))
    await pass(RECALL_PATIENCE + 10)
    const allowed = rest.filter(({ taken }) => taken?.allowed).length
    assert.equal(rest.filter(({ taken }) => taken === undefined).length, 0)
    assert.ok(allowed <= 944 && allowed >= 900, `${allowed}`)
  })

  test('fall back on a share each while the lender is silent, and return when it speaks', async () => {
    const { ask, pass, deaf, turns } = processes(2)
    deaf.add('lender')
    const answers = Array.from({ length: 80 }, (_, turn) => ask(turn % 2, minute(100)))
    await pass(ASK_PATIENCE + 2 * LOOK)
    for (let turn = 0; turn < 80; turn += 1) answers.push(ask(turn % 2, minute(100)))
    await pass(1)
    assert.equal(answers.filter(({ taken }) => taken?.allowed).length, 100)
    assert.deepEqual(turns, ['away', 'away'])
    answers[0]?.giveBack()
    const again = ask(0, minute(100))
    await pass(1)
    assert.equal(again.taken?.allowed, true)
  })
})
