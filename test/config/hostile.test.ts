/**
 * Files made to harm who reads them (C11): each is refused fast and leaves nothing behind.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { before, suite, test } from 'node:test'

import { load, problemsOf } from './world.ts'

const SOON = 100
const aliases = (count: number, name: string) => Array.from({ length: count }, () => `*${name}`).join(', ')
const doubling = Array.from({ length: 40 }, (_, index) => `a${index + 1}: &a${index + 1} [${aliases(2, `a${index}`)}]`)

const hostile: Readonly<Record<string, string>> = {
  'ten thousand brackets': `a: ${'['.repeat(10_000)}${']'.repeat(10_000)}`,
  'ten thousand braces': '{a: '.repeat(10_000),
  'ten thousand dashes': `a: ${'- '.repeat(10_000)}x`,
  'a thousand levels of indentation': Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  'aliases that double forty times': ['a0: &a0 x', ...doubling].join('\n'),
  'aliases that multiply by ten': [
    'a0: &a0 x',
    ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${aliases(10, `a${i}`)}]`),
  ].join('\n'),
  'an alias inside its anchor': 'a: &a [*a]',
  'more than a mebibyte': `# ${'x'.repeat(1024 ** 2)}`,
}

suite('hostile files', () => {
  before(() => load('version: 1')) // the first load compiles schemas

  for (const [name, text] of Object.entries(hostile))
    test(`refuses ${name} within ${SOON} ms`, () => {
      const heap = process.memoryUsage().heapUsed
      const times = [1, 2, 3].map(() => {
        const started = performance.now()
        assert.ok('problems' in load(text))
        return performance.now() - started
      })
      assert.ok(Math.min(...times) < SOON, `${times.join(', ')} ms`)
      assert.ok(process.memoryUsage().heapUsed - heap < 50 * 1024 ** 2, 'grew by more than 50 MiB')
    })

  test('stops looking after some errors', () => {
    assert.equal(problemsOf('a: ]\n'.repeat(100_000)).length, 20)
  })

  test('takes no time over many entries of one mapping', () => {
    const text = `version: 1\nroles:\n${Array.from({ length: 20_000 }, (_, index) => `  r${index}: []`).join('\n')}`
    const started = performance.now()
    load(text)
    assert.ok(performance.now() - started < 1000)
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
