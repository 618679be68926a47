/**
 * The demo as a newcomer meets it: one command, then every printed request behaves as printed.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'

import { heimdall } from '../support/command.ts'

suite('heimdall token', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-demo-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('says in one line that there was no demo here yet', async () => {
    const { code, out, err } = await heimdall(['token', 'alice'], { cwd: folder })
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^heimdall token: there is no demo issuer here yet.*\n$/)
  })
})
