/**
 * Holds what the documents say of the repository itself: links lead somewhere, and decisions have one number each.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { suite, test } from 'node:test'

const root = resolve(import.meta.dirname, '..')
const documents = ['README.md', 'SECURITY.md', 'DECISIONS.md', 'CHANGELOG.md'] as const
const textOf = (document: string) => readFileSync(join(root, document), 'utf8')

suite('documents', () => {
  for (const document of documents)
    test(`${document} links to files that are there`, () => {
      const targets = [...textOf(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = '']) => target)
      assert.deepEqual(
        targets.filter((target) => !existsSync(join(root, target))),
        [],
      )
    })

  test('decisions are numbered from 1 on, in order', () => {
    const numbers = [...textOf('DECISIONS.md').matchAll(/^## (\d+)\. /gm)].map(([, number]) => Number(number))
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    )
  })
})
