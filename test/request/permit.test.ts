import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { suite, test } from 'node:test'

import { issuePermit } from '#request/permit.ts'

import { principal } from '../support/incoming.ts'

const src = resolve(import.meta.dirname, '../../src')

suite('permits', () => {
  test('carry the identity they were issued for, or none', () => {
    const alice = principal()
    assert.equal(issuePermit(alice).principal, alice)
    assert.equal(issuePermit(undefined).principal, undefined)
  })

  test('are issued by authz/ alone', () => {
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
    const issuing = files.filter((file) =>
      /\bissuePermit\(|as (?:unknown as )?Permit\b/.test(readFileSync(join(src, file), 'utf8')),
    )
    assert.deepEqual(
      issuing.filter((file) => !file.startsWith('authz/')),
      ['request/permit.ts'],
    )
  })
})
