import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { Backend } from '#proxy/backend.ts'
import { createEjection } from '#proxy/ejection.ts'

import { until } from '../support/wire.ts'

suite('ejection', () => {
  const backend = (port: number) =>
    new Backend({
      upstream: 'a',
      url: `http://127.0.0.1:${port}`,
      ca: undefined,
      connections: 1,
      connectTimeout: 100,
    })

  test('lasts longer every time in a row, and ends by itself', async () => {
    const [one, two] = [backend(1), backend(2)]
    const durations: unknown[] = []
    const lines: string[] = []
    const log = {
      debug() {},
      error() {},
      warn: (fields: Readonly<Record<string, unknown>>, message: string) => {
        durations.push(fields['for_ms'])
        lines.push(message)
      },
      info: (_fields: object, message: string) => void lines.push(message),
    }
    const ejection = createEjection([one, two], { upstream: 'a', log, base: 30 })
    for (let round = 0; round < 2; round += 1) {
      for (let count = 0; count < 5; count += 1) ejection.failed(one)
      assert.ok(one.ejected)
      await until(() => !one.ejected, 'the return')
    }
    assert.deepEqual(durations, [30, 60])
    assert.equal(lines.filter((line) => line === 'upstream target returned').length, 2)

    ejection.succeeded(one)
    for (let count = 0; count < 5; count += 1) ejection.failed(one)
    assert.equal(durations.at(-1), 30, 'a success in between starts over')
  })

  test('is forgotten by a success before the fifth failure', () => {
    const [one, two] = [backend(1), backend(2)]
    const silent = { debug() {}, info() {}, warn() {}, error() {} }
    const ejection = createEjection([one, two], { upstream: 'a', log: silent })
    for (let count = 0; count < 4; count += 1) ejection.failed(one)
    ejection.succeeded(one)
    for (let count = 0; count < 4; count += 1) ejection.failed(one)
    assert.equal(one.ejected, false)
  })
})
