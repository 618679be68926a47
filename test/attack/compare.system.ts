/**
 * The corpus of attacks beside nginx and HAProxy: nothing that one of them refuses is passed on here.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'

import { programs } from '../../bench/attack/peers.ts'
import { needs } from '../support/processes.ts'

const script = resolve(import.meta.dirname, '../../bench/attack/compare.ts')

suite('the corpus of attacks', { skip: needs(...programs) }, () => {
  test('holds no case that this gateway passes on and nginx or HAProxy refuses', { timeout: 180_000 }, async () => {
    const { promise, resolve: done } = Promise.withResolvers<{ code: unknown; out: string; err: string }>()
    execFile(process.execPath, [script, '--print'], { maxBuffer: 16 * 1024 * 1024 }, (error, out, err) =>
      done({ code: error?.code ?? 0, out, err }),
    )
    const { code, out, err } = await promise
    assert.equal(code, 0, err)
    assert.match(err, /passes on and one of the others refuses: 0\n$/)
    assert.match(out, /^\| \| all \| \d+ \/ \d+ \/ \d+ \| [1-9]\d* \/ \d+ \/ \d+ \| [1-9]\d* \/ \d+ \/ \d+ \|$/m)
  })
})
