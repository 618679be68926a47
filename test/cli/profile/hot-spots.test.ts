import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { cpuHotSpots, heapHotSpots } from '#cli/profile/hot-spots.ts'

const frame = (functionName: string, url = '', lineNumber = -1) => ({ functionName, url, lineNumber })

suite('a profile of time', () => {
  const decide = frame('decide', 'file:///opt/heimdall/src/gate/decide.ts', 41)
  const nodes = [
    { id: 1, callFrame: frame('(root)') },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: decide },
    { id: 4, callFrame: frame('', 'file:///opt/heimdall/node_modules/pino/lib/tools.js', 9) },
    { id: 5, callFrame: decide },
    { id: 6, callFrame: frame('(garbage collector)') },
  ]
  const read = cpuHotSpots({ nodes, samples: [2, 3, 4, 5, 6, 9], timeDeltas: [500, 20, 10, 30, 5, 7] })

  test('adds up a function wherever it was called from, the largest first', () => {
    assert.deepEqual(read.spots, [
      { name: 'decide', place: 'src/gate/decide.ts:42', own: 50 },
      { name: '(anonymous)', place: 'pino/lib/tools.js:10', own: 10 },
      { name: '(garbage collector)', place: '', own: 5 },
    ])
  })

  test('tells idleness apart from work', () => {
    assert.equal(read.total, 65)
    assert.equal(read.idle, 500)
  })
})

test('a profile of allocations is added up over the whole tree', () => {
  const node = (name: string, selfSize: number, children: readonly object[] = []) => ({
    callFrame: frame(name),
    selfSize,
    children,
  })
  const { spots, total } = heapHotSpots({ head: node('(root)', 0, [node('a', 5, [node('b', 7)]), node('b', 1)]) })
  const sums = spots.map(({ name, own }) => [name, own])
  assert.deepEqual(sums, [
    ['b', 8],
    ['a', 5],
  ])
  assert.equal(total, 13)
})

test('what is no profile is refused', () => {
  assert.throws(() => cpuHotSpots({ head: {} }))
  assert.throws(() => heapHotSpots({ nodes: [] }))
})
