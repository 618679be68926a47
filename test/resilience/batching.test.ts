/** @module */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { CallRefused } from '#resilience/breaker.ts'
import { DeadlineExceeded } from '#resilience/deadline.ts'
import { createBatching, type BatchingOptions } from '#resilience/batching.ts'

type Options = BatchingOptions<number, string>

/** Calls that end when they are told to. */
function make(options: Partial<Options> = {}) {
  const calls: { readonly asked: readonly number[]; readonly end: PromiseWithResolvers<readonly string[]> }[] = []
  const put = (asked: readonly number[]) => {
    const end = Promise.withResolvers<readonly string[]>()
    calls.push({ asked, end })
    return end.promise
  }
  const places = { all: 10, strangers: 8, each: 4 }
  const ask = createBatching({ name: 'names', put, calls: 2, size: 3, patience: 5000, places, ...options })
  const answer = (index: number) => calls[index]?.end.resolve(calls[index]?.asked.map((one) => `name ${one}`) ?? [])
  return { ask, calls, answer, asked: () => calls.map(({ asked }) => asked) }
}

suite('batching', () => {
  test('puts a question at once while a call is free, and those that wait together', async () => {
    const { ask, answer, asked } = make()
    const answers = [1, 2, 3, 4, 5, 6].map((one) => ask(one))
    assert.deepEqual(asked(), [[1], [2]])
    answer(0)
    assert.equal(await answers[0], 'name 1')
    assert.deepEqual(asked(), [[1], [2], [3, 4, 5]])
    answer(1)
    answer(2)
    assert.deepEqual(await Promise.all(answers.slice(1, 5)), ['name 2', 'name 3', 'name 4', 'name 5'])
    answer(3)
    assert.equal(await answers[5], 'name 6')
  })

  test('fails whoever asked together when their call fails, and nobody else', async () => {
    const { ask, calls, answer } = make({ calls: 1 })
    const answers = [1, 2, 3].map((one) => ask(one))
    answer(0)
    assert.equal(await answers[0], 'name 1')
    calls[1]?.end.reject(new Error('away'))
    await assert.rejects(answers[1] ?? Promise.resolve(), /away/)
    await assert.rejects(answers[2] ?? Promise.resolve(), /away/)
    const after = ask(4)
    answer(2)
    assert.equal(await after, 'name 4')
  })

  test('takes answers that are too few for a failure', async () => {
    const { ask, calls } = make()
    const asked = ask(1)
    calls[0]?.end.resolve([])
    await assert.rejects(asked, /another number/)
  })

  test('refuses at once who finds no place, and strangers sooner', async () => {
    const { ask, answer, asked } = make({ calls: 1, size: 100 })
    const first = ask(0)
    const strangers = Array.from({ length: 6 }, (_, one) => ask(one, 'mallory').catch((error: unknown) => error))
    const known = Array.from({ length: 3 }, (_, one) => ask(10 + one))
    assert.ok((await strangers[4]) instanceof CallRefused)
    assert.ok((await strangers[5]) instanceof CallRefused)
    answer(0)
    await first
    assert.deepEqual(asked()[1], [10, 11, 12, 0, 1, 2, 3], 'the known go first')
    answer(1)
    assert.deepEqual(await Promise.all(known), ['name 10', 'name 11', 'name 12'])
    assert.equal(await strangers[3], 'name 3')
  })

  test('lets nobody wait longer than the patience, in line or under way', async () => {
    const { ask, answer, asked } = make({ calls: 1, patience: 20 })
    const answers = await Promise.allSettled([ask(1), ask(2)])
    assert.ok(answers.every((one) => one.status === 'rejected' && one.reason instanceof DeadlineExceeded))
    answer(0)
    const next = ask(3)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(asked(), [[1], [3]], 'who left is not asked for')
    answer(1)
    assert.equal(await next, 'name 3')
  })
})
