/**
 * Files made to harm who reads them (C11): each is refused fast and leaves nothing behind.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'

import { hostileFiles } from '../support/hostile-files.ts'
import { load, problemsOf } from './world.ts'

const SOON = 100
/** Milliseconds of processor time that loading takes, the least of three: other tests' load does not count. */
function cost(text: string): number {
  const times = [1, 2, 3].map(() => {
    const before = process.cpuUsage()
    load(text)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...times)
}

suite('hostile files', () => {
  before(() => load('version: 1')) // the first load compiles schemas

  for (const [name, text] of Object.entries(hostileFiles))
    test(`refuses ${name} within ${SOON} ms`, () => {
      const heap = process.memoryUsage().heapUsed
      assert.ok('problems' in load(text))
      const spent = cost(text)
      assert.ok(spent < SOON, `${spent} ms`)
      assert.ok(process.memoryUsage().heapUsed - heap < 50 * 1024 ** 2, 'grew by more than 50 MiB')
    })

  test('stops looking after some errors', () => {
    assert.equal(problemsOf('a: ]\n'.repeat(100_000)).length, 20)
  })

  test('takes four times as long over four times as many entries of one mapping, not sixteen', () => {
    const roles = (count: number) => Array.from({ length: count }, (_, index) => `  r${index}: []`).join('\n')
    const few = cost(`version: 1\nroles:\n${roles(5000)}`)
    const many = cost(`version: 1\nroles:\n${roles(20_000)}`)
    assert.ok(many < 8 * few, `${few} ms, then ${many} ms`)
  })

  test('lets no key reach a prototype', () => {
    const text = '__proto__: {x: 1}\nlimits: {constructor: {prototype: {x: 1}}}\nroutes: [{"__proto__": {x: 1}}]'
    const problems = problemsOf(text)
    assert.equal(problems.filter((problem) => problem.endsWith('is a key that no file may use')).length, 3)
    assert.equal(Reflect.get({}, 'x'), undefined)
  })

  test('takes merge keys for unknown keys', () => {
    assert.ok(problemsOf('version: 1\nroutes: [{ <<: { public: true } }]').includes('routes[0].<<: unknown key'))
  })
})
