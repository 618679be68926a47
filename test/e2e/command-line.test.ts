/**
 * The command line: what it prints, and the exit codes that scripts rely on.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { heimdall } from '../support/command.ts'

suite('heimdall version', () => {
  test('prints the versions of Heimdall and Node', async () => {
    const { code, out } = await heimdall(['version'])
    assert.equal(code, 0)
    assert.match(out, /^heimdall \d+\.\d+\.\d+ \(node \d+\.\d+\.\d+\)\n$/)
  })
})
