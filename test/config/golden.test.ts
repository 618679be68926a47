/**
 * Files with mistakes, and what is said about them, word for word.
 *
 * `UPDATE_GOLDEN=1` writes the answers anew; read the difference before it is committed.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { suite, test } from 'node:test'

import { explain } from '#config/explain.ts'
import { loadConfig } from '#config/load.ts'

const folder = join(import.meta.dirname, '../golden/config')
const secret = 'hunter2-and-thirty-more-bytes-of-it'
const inFolder = (path: string) => join(folder, relative(process.cwd(), path))
const world = {
  env: { SECRET: secret, PORT: '3000', TRUTH: 'true', EMPTY: '' },
  readFile: (path: string) => readFileSync(inFolder(path), 'utf8'),
  listFolder: (path: string) => readdirSync(inFolder(path)),
}

function answerTo(name: string): string {
  const loaded = loadConfig(name, world)
  if ('problems' in loaded) return `${explain(loaded.problems)}\n`
  return ['good', ...(loaded.warnings.length === 0 ? [] : ['', explain(loaded.warnings)]), ''].join('\n')
}

suite('golden files', () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.yaml'))) {
    test(`says of ${name} what is written beside it`, () => {
      const expected = join(folder, name.replace(/yaml$/, 'txt'))
      const answer = answerTo(name)
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(expected, answer)
      assert.ok(existsSync(expected), 'no answer is kept: run with UPDATE_GOLDEN=1')
      assert.equal(answer, readFileSync(expected, 'utf8'))
      assert.ok(!answer.includes(secret) && !answer.includes('hunter2'), 'a secret is shown')
    })
  }
})
