import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import * as fc from 'fast-check'

import { explain } from '#config/explain.ts'
import { jsonSchema } from '#config/json-schema.ts'

import { load } from './world.ts'

const example = readFileSync(join(import.meta.dirname, '../../config/several-services.yaml'), 'utf8')
const words = [...new Set(example.match(/\w+/g))]
const keys = Object.keys(jsonSchema().properties ?? {})

/** Data in the shape of a file, with anything at all in it. */
const block = fc.dictionary(fc.constantFrom(...words), fc.jsonValue({ maxDepth: 3 }))
const file = fc.dictionary(fc.constantFrom(...keys), fc.oneof(block, fc.array(block, { maxLength: 3 }), fc.jsonValue()))

/** The example with a stretch of it replaced. */
const mutant = fc
  .tuple(
    fc.nat(example.length),
    fc.nat(20),
    fc.oneof(
      fc.string({ maxLength: 5 }),
      fc.constantFrom(...words, '[', '{', '}', '\n', '- ', ': ', '&a ', '*a', '${'),
    ),
  )
  .map(([at, length, put]) => example.slice(0, at) + put + example.slice(at + length))

/** Loads, and says what is wrong: either may only end in an answer. */
function answer(text: string): void {
  const loaded = load(text)
  if ('config' in loaded) return
  assert.ok(loaded.problems.length > 0)
  assert.notEqual(explain(loaded.problems), '')
  for (const { line, column } of loaded.problems) assert.ok(line >= 0 && column >= 0)
}

suite('loading anything', () => {
  test('never throws, whatever the data', () => {
    fc.assert(
      fc.property(file, (data) => answer(JSON.stringify(data))),
      { numRuns: 200 },
    )
  })

  test('never throws over a number that cannot even be turned into text', () => {
    answer('workers: { toString: {} }')
  })

  test('never throws, whatever becomes of a good file', () => {
    fc.assert(fc.property(mutant, answer), { numRuns: 200 })
  })
})
