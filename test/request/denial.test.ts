import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { suite, test } from 'node:test'

import { denials, type Denial } from '#request/denial.ts'

const table = Object.entries<Denial>(denials)
const src = resolve(import.meta.dirname, '../../src')

/** Codes named after each `@denies`: the list it begins with, up to the first other word; nothing for "as `another`". */
function deniesOf(text: string): string[] {
  const flowing = text.replaceAll(/\n\s*\* ?/g, ' ')
  return [...flowing.matchAll(/@denies\s+(?!as `)((?:\w+_\w+(?:,| and| or)?\s*)*)/g)].flatMap(([, list = '']) => {
    return list.match(/\w+_\w+/g) ?? ['(no code)']
  })
}

suite('the table of denials', () => {
  for (const [code, denial] of table) {
    test(`${code} says what it is`, () => {
      assert.match(code, /^[a-z]+(?:_[a-z]+)*$/)
      assert.ok(Number.isInteger(denial.status) && denial.status >= 400 && denial.status <= 599)
      assert.match(denial.title, /^[A-Z][^.]+$/)
      assert.match(denial.detail, /^[A-Z].+\.$/)
    })

    test(`${code} challenges exactly when it is a matter of credentials`, () => {
      if (denial.status === 401) assert.ok(denial.challenge === 'none' || denial.challenge === 'invalid_token')
      else assert.equal(denial.challenge, code === 'insufficient_scope' ? 'insufficient_scope' : undefined)
    })
  }

  test('every 429 and every 503 says when to come again', () => {
    for (const [code, denial] of table)
      assert.equal(denial.retry_after !== undefined, denial.status === 429 || denial.status === 503, code)
  })

  test('no two denials have the same text', () => {
    assert.equal(new Set(table.map(([, { detail }]) => detail)).size, table.length)
    assert.equal(new Set(table.map(([, { title }]) => title)).size, table.length)
  })
})

suite('@denies in doc comments', () => {
  test('reads lists over several lines and stops at prose', () => {
    assert.deepEqual(deniesOf('* @denies a_b, c_d,\n *   e_f when x_y\n * @denies g_h and i_j for others'), [
      'a_b',
      'c_d',
      'e_f',
      'g_h',
      'i_j',
    ])
    assert.deepEqual(deniesOf('* @denies as usual'), ['(no code)'])
    assert.deepEqual(deniesOf('* @denies as `match`'), [])
  })

  test('names codes of the table', () => {
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
    const unknown = files.flatMap((file) =>
      deniesOf(readFileSync(join(src, file), 'utf8'))
        .filter((code) => !Object.hasOwn(denials, code))
        .map((code) => `${file}: ${code}`),
    )
    assert.deepEqual(unknown, [])
  })
})
