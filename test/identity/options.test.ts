import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { headersOf, identityHeadersSchema } from '#identity/options.ts'
import { presets } from '#identity/presets.ts'

function problems(value: unknown): readonly string[] {
  const result = identityHeadersSchema.safeParse(value)
  return result.success ? [] : result.error.issues.map((issue) => issue.message)
}

suite('identity headers in the file', () => {
  test('a preset is chosen by its name', () => {
    for (const [name, headers] of Object.entries(presets))
      assert.equal(headersOf(identityHeadersSchema.parse(name)), headers)
  })

  test('the schema knows every preset and nothing else', () => {
    assert.equal(problems('traefik').length, 1)
    for (const name of Object.keys(presets)) assert.deepEqual(problems(name), [])
  })

  test('a map of claim to header is taken as written', () => {
    const map = { subject: 'X-User', 'realm_access.org': 'X-Org' }
    assert.deepEqual(headersOf(identityHeadersSchema.parse(map)), [
      { source: 'subject', name: 'X-User' },
      { source: 'realm_access.org', name: 'X-Org' },
    ])
  })

  for (const name of ['', 'X User', 'X-Üser', 'X:User', 'X-User\r\n', '---', 'x'.repeat(65)])
    test(`refuses ${JSON.stringify(name)}, which is no name of a header`, () => {
      assert.deepEqual(problems({ subject: name }), ['must be the name of a header, such as X-User'])
    })

  for (const name of [
    'Host',
    'Authorization',
    'Cookie',
    'Content-Length',
    'content_type',
    'Transfer-Encoding',
    'Connection',
    'Keep-Alive',
    'TE',
    'X-Forwarded-For',
    'x.forwarded.proto',
    'Forwarded',
    'X-Request-Id',
    'traceparent',
  ])
    test(`refuses ${name}, which carries something else`, () => {
      assert.deepEqual(problems({ subject: name }), [
        'is a header that carries something else and cannot carry identity',
      ])
    })

  test('refuses two headers that a service may read as one', () => {
    assert.deepEqual(problems({ subject: 'X-User', email: 'x_user' }), [
      'names one header twice (services may read `-`, `_` and `.` as the same)',
    ])
  })

  test('refuses a claim without a name and a header that is no text', () => {
    assert.equal(problems({ '': 'X-User' }).length, 1)
    assert.equal(problems({ subject: 7 }).length, 1)
    assert.equal(problems(['X-User']).length, 1)
  })
})
