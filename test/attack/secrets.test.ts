/**
 * Secrets that a careless file spells out: what is said of the file may not repeat them.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { explain } from '#config/explain.ts'
import type { World } from '#config/files.ts'
import { loadConfig } from '#config/load.ts'

/** What the operator is told of a file, with `hunter2` in the environment and in a file beside it. */
function told(yaml: string): string {
  const world: World = {
    env: { SECRET: 'hunter2' },
    readFile: (path) => (path.endsWith('heimdall.yaml') ? yaml : 'hunter2'),
    listFolder: () => [],
  }
  const loaded = loadConfig('/etc/heimdall/heimdall.yaml', world)
  assert.ok('problems' in loaded, 'nothing is wrong with the file')
  return explain(loaded.problems)
}

suite('what is said of a file', () => {
  for (const [place, yaml] of [
    ['a block', 'authenticators:\n  a:\n    jwt:\n      secret: hunter2,} x\n'],
    ['braces', 'authenticators: { a: { jwt: { secret: hunter2, bogus: 1 } } }'],
    ['quotes', 'authenticators: { a: { jwt: { secret: "hunter2, hunter2", bogus: 1 } } }'],
    ['JSON', '{"authenticators":{"a":{"jwt":{"secret":"hunter2","bogus":1}}}}'],
    ['braces that do not close', 'authenticators: { a: { jwt: { client_secret: hunter2, x: [ } }'],
    ['a quote that does not close', 'authenticators: { a: { jwt: { secret: "hunter2'],
    ['a URL', 'stores: { redis: "http://user:hunter2@host" }'],
    ['a URL without a user', 'stores: { redis: "http://:hunter2@host" }'],
    ['a URL with an @ in the password', 'stores: { redis: "http://user:hun@hunter2@host" }'],
    ['a URL with a slip in it', 'stores: { redis: "redis:/user:hunter2@host" }'],
    ['what should be a URL', 'stores: { redis: "user:hunter2@host" }'],
    ['a variable', 'stores: { redis: "${SECRET}" }\nlisten: "${SECRET}"\nroutes: [ { path: "${SECRET}" } ]'],
    ['a variable in a key', '"${SECRET}": 1'],
    ['a file', 'upstreams: { a: "${file:/run/secret}" }\nlisten: "${file:/run/secret}"'],
  ] as const)
    test(`C17: does not repeat a secret in ${place}`, () => {
      const text = told(`version: 1\n${yaml}`)
      assert.doesNotMatch(text, /hunter2/)
    })

  test('takes no longer for a line that is all colons', () => {
    const started = performance.now()
    told(`version: 1\nstores: { redis: "${'a:'.repeat(50_000)}" }`)
    assert.ok(performance.now() - started < 1000)
  })
})
