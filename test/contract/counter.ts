/**
 * The contract of `Counter`: the same windows wherever they are kept.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'

import type { Counter } from '#ratelimit/counter.ts'
import type { Quota, Taken } from '#ratelimit/window.ts'

import { eventually } from '../support/processes.ts'

export interface Counters {
  counter(id: string, quota: Quota): Counter
  close(): Promise<unknown>
}

const perSecond = (count: number): Quota => ({ count, period: 1_000_000 })
const perMinute = (count: number): Quota => ({ count, period: 60_000_000 })

/** Asks `tries` times at once. */
function burst(counter: Counter, key: string, tries: number): Promise<Taken[]> {
  return Promise.all(Array.from({ length: tries }, async () => counter.take(key)))
}

async function passes(counter: Counter, key: string, tries: number): Promise<number> {
  return (await burst(counter, key, tries)).filter(({ allowed }) => allowed).length
}

/** Holds an implementation to the contract. */
export function counterContract(name: string, open: () => Counters | Promise<Counters>): void {
  suite(`Counter in ${name}`, () => {
    let opened: Counters
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())

    test('lets exactly the quota pass of a burst', async () => {
      for (const count of [1, 5, 31, 32, 100, 1000]) {
        assert.equal(await passes(opened.counter(`burst-${count}`, perMinute(count)), 'alice', 2 * count + 10), count)
      }
    })

    test('counts keys and limits apart, and one limit made twice together', async () => {
      const counter = opened.counter('apart', perMinute(3))
      assert.equal(await passes(counter, 'alice', 9), 3)
      assert.equal(await passes(counter, 'bob', 9), 3)
      assert.equal(await passes(opened.counter('other', perMinute(3)), 'alice', 9), 3)
      assert.equal(await passes(opened.counter('apart', perMinute(3)), 'alice', 9), 0)
    })

    test('says how many more pass, and when the next will', async () => {
      const counter = opened.counter('told', perMinute(3))
      const told = await burst(counter, 'alice', 5)
      assert.deepEqual(
        told.map(({ allowed, remaining }) => [allowed, remaining]),
        [
          [true, 2],
          [true, 1],
          [true, 0],
          [false, 0],
          [false, 0],
        ],
      )
      const [first] = told
      for (const { wait, at } of told) assert.equal(at + wait, (first?.at ?? 0) + 60_000_000)
    })

    test('opens again one period after the first request, however often it refused in between', async () => {
      const counter = opened.counter('again', perSecond(5))
      const first = await counter.take('alice')
      let taken = first
      await eventually('a request passes again', async () => {
        taken = await counter.take('alice')
        return taken.at >= first.at + 1_000_000 && taken.allowed
      })
      assert.ok(taken.at < first.at + 1_100_000, `only after ${taken.at - first.at} µs`)
    })

    test('holds the quota in every stretch of one period, and grants it in full', async () => {
      const counter = opened.counter('stretch', perSecond(20))
      const times: number[] = []
      const begin = performance.now()
      await eventually('2.4 periods have gone by', async () => {
        for (const { allowed, at } of await burst(counter, 'alice', 3)) if (allowed) times.push(at)
        return performance.now() - begin > 2400
      })
      const tooClose = times.filter((time, index) => (times[index + 20] ?? Infinity) < time + 1_000_000)
      assert.deepEqual(tooClose, [])
      assert.equal(times.length, 60)
    })

    test('gives back what another limit refused', async () => {
      const counter = opened.counter('back', perMinute(5))
      const [, second] = await burst(counter, 'alice', 5)
      counter.giveBack('alice', second?.at ?? 0)
      assert.equal(await passes(counter, 'alice', 9), 1)
    })

    test('gives nothing back that was never counted', async () => {
      const counter = opened.counter('never', perMinute(2))
      counter.giveBack('alice', 1)
      assert.equal(await passes(counter, 'alice', 9), 2)
    })

    test('takes keys of any characters for what they are', async () => {
      const counter = opened.counter('keys', perMinute(1))
      const keys = ['', ' ', '{a}', '{b}', 'a:b', 'é', '\0', '*', '__proto__', 'x'.repeat(100)]
      for (const key of keys) assert.equal(await passes(counter, key, 2), 1, JSON.stringify(key))
    })
  })
}
