import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { explain } from '#config/explain.ts'

const problem = { file: 'heimdall.yaml', line: 12, column: 7, path: 'routes[2].upsteam', message: 'unknown key' }

suite('explain', () => {
  test('shows place, reason, line, caret and suggestion', () => {
    assert.equal(
      explain([{ ...problem, excerpt: '      upsteam: orders', suggestion: 'upstream' }]),
      [
        'heimdall.yaml:12:7  routes[2].upsteam: unknown key',
        '  12 |       upsteam: orders',
        '     |       ^',
        '  did you mean "upstream"?',
      ].join('\n'),
    )
  })

  test('does without a line for problems of a whole file', () => {
    assert.equal(
      explain([{ ...problem, line: 0, column: 0, path: '', message: 'is empty' }]),
      'heimdall.yaml  is empty',
    )
  })

  test('puts a blank line between problems', () => {
    assert.equal(explain([problem, problem]).split('\n\n').length, 2)
  })

  test('hides passwords in URLs and values of keys that name a secret', () => {
    const shown = [
      'redis: redis://user:hunter2@127.0.0.1',
      '  secret: hunter2',
      '  - client_secret: "hunter2"',
      '"admin-password" : hunter2',
      'access_token: hunter2 # comment',
    ].map((excerpt) => explain([{ ...problem, column: 1, excerpt }]))
    for (const text of shown) assert.ok(!text.includes('hunter2') && text.includes('***'), text)
  })

  test('shows placeholders: they are no secret', () => {
    assert.ok(explain([{ ...problem, column: 1, excerpt: 'secret: "${SECRET}"' }]).includes('"${SECRET}"'))
  })

  test('lets nothing of the file steer the terminal', () => {
    const text = explain([{ ...problem, column: 1, path: 'a\u001B[2Jb', excerpt: 'a: \u001B]0;title\u0007\u202E' }])
    assert.doesNotMatch(text, /[^\n\P{Cc}]|\p{Cf}/u)
  })

  test('cuts long lines and leaves out a line whose fault lies beyond the cut', () => {
    assert.ok(explain([{ ...problem, excerpt: 'x'.repeat(1000) }]).length < 500)
    assert.ok(!explain([{ ...problem, column: 500, excerpt: 'x'.repeat(1000) }]).includes('xxx'))
  })
})
