/** @module */
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { suite, test } from 'node:test'

import { createKeySets } from '#authn/key-sets.ts'
import { apiKey, apiKeyOptions } from '#authn/schemes/api-key.ts'
import { digest, newApiKey } from '#directory/secrets.ts'
import { unhindered } from '#request/asker.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { evidence, outcomeOf } from '../../support/authn.ts'
import { apiKeyRecord, testDirectory } from '../../support/directory.ts'
import { incoming } from '../../support/incoming.ts'

suite('the way of an API key', () => {
  test('is one question, one digest and one comparison in constant time, whatever becomes of it (J20)', async (t) => {
    const hashed = t.mock.method(crypto, 'hash')
    const compared = t.mock.method(crypto, 'timingSafeEqual')
    syncBuiltinESMExports()
    t.after(() => {
      t.mock.restoreAll()
      syncBuiltinESMExports()
    })

    const [good, revoked, late, gone] = Array.from({ length: 4 }, () => newApiKey())
    const directory = testDirectory()
    for (const [secret, part] of [
      [good, {}],
      [revoked, { revoked: true }],
      [late, { expires_at: 1 }],
      [gone, { active: false }],
    ] as const)
      directory.apiKeys.set(secret?.id ?? '', apiKeyRecord(secret?.value ?? '', { id: secret?.id ?? '', ...part }))
    const metrics = createMetrics()
    const scheme = apiKey.create('keys', apiKeyOptions.parse({}), {
      clock: () => 2,
      keySets: createKeySets({ metrics, log: silent }),
      lookups: directory.lookups,
      roles: {},
      claims: [],
      metrics,
      log: silent,
    })
    const wrong = `hd_${good?.id}_${newApiKey().value.slice(-43)}`

    const ways = new Map<string, number[]>()
    for (const value of [good?.value, wrong, newApiKey().value, revoked?.value, late?.value, gone?.value]) {
      directory.now += 60_000 // nothing is remembered
      const before = [directory.asked, hashed.mock.callCount(), compared.mock.callCount()]
      const headers = ['X-API-Key', value ?? '']
      const attempt = await scheme.attempt(incoming({ headers }), evidence(), 'deny', unhindered)
      const after = [directory.asked, hashed.mock.callCount(), compared.mock.callCount()]
      ways.set(
        `${digest(value ?? '')} ${outcomeOf(attempt)}`,
        after.map((count, index) => count - (before[index] ?? 0)),
      )
    }
    assert.equal(ways.size, 6)
    for (const [value, way] of ways) assert.deepEqual(way, [1, 2, 1], value) // the second hash is the cache's key
  })
})
