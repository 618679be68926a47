/**
 * Holds the one way to a permit: what cannot be forwarded without one cannot get one elsewhere.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { suite, test } from 'node:test'

const src = resolve(import.meta.dirname, '../../src')
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))

function filesWith(pattern: RegExp): string[] {
  return files.filter((name) => pattern.test(readFileSync(join(src, name), 'utf8'))).sort()
}

suite('permit', () => {
  test('only authorization issues permits', () => {
    assert.deepEqual(filesWith(/\bissuePermit\b/), ['authz/authorize.ts', 'request/permit.ts'])
  })

  test('nobody asserts that something is a permit', () => {
    assert.deepEqual(filesWith(/\bas Permit\b/), ['request/permit.ts'])
  })
})
