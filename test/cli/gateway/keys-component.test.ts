import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { KeySetStatus } from '#authn/key-sets/key-set.ts'
import { keysComponent } from '#cli/gateway/keys-component.ts'

const loaded: KeySetStatus = { authenticator: 'acme', ready: true, age_ms: 10 }
const late: KeySetStatus = { ...loaded, last_error: 'timeout: took longer than two seconds' }
const missing: KeySetStatus = { authenticator: 'partner', ready: false, last_error: 'unreachable: ECONNREFUSED' }
const outdated: KeySetStatus = { ...late, ready: false, age_ms: 86_400_001 }

/** The status after each of several states of the key sets, one after the other. */
async function statuses(...states: (readonly KeySetStatus[])[]): Promise<string[]> {
  let now: readonly KeySetStatus[] = []
  const component = keysComponent({ status: () => now })
  const seen: string[] = []
  for (const state of states) {
    now = state
    seen.push((await component.check()).status)
  }
  return seen
}

suite('the keys component', () => {
  test('is down until every issuer has keys', async () => {
    assert.deepEqual(await statuses([missing], [loaded, missing], [loaded]), ['down', 'down', 'up'])
  })

  test('is degraded while old keys stand in, and down when they are too old to be believed', async () => {
    assert.deepEqual(await statuses([loaded], [late], [outdated]), ['up', 'degraded', 'down'])
  })

  test('is only degraded by an issuer that a reload added and that cannot be reached', async () => {
    assert.deepEqual(await statuses([loaded], [loaded, missing]), ['up', 'degraded'])
  })

  test('is disabled without issuers', async () => {
    assert.deepEqual(await statuses([]), ['disabled'])
  })
})
