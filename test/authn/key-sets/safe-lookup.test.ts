import assert from 'node:assert/strict'
import type { LookupFunction } from 'node:net'
import { suite, test } from 'node:test'

import { refuseMetadata } from '#authn/key-sets/safe-lookup.ts'

import { resolving } from '../../support/resolver.ts'

/** What a connection hears: the addresses, or the code of the error. */
function heard(resolve: LookupFunction, all: boolean): Promise<unknown> {
  return new Promise((settle) => {
    refuseMetadata(resolve)('id.test', { all }, (error, found) => settle(error === null ? found : error.code))
  })
}

suite('the lookup of issuers', () => {
  for (const address of ['169.254.169.254', '::ffff:169.254.169.254', 'fe80::1', 'fd00:ec2::254'])
    test(`refuses a name that leads to ${address}`, async () => {
      assert.equal(await heard(resolving(address), false), 'METADATA_ADDRESS')
      assert.equal(await heard(resolving(address), true), 'METADATA_ADDRESS')
      assert.equal(await heard(resolving('192.0.2.1', address), true), 'METADATA_ADDRESS')
    })

  test('passes on every other answer: in-cluster issuers have private addresses', async () => {
    assert.equal(await heard(resolving('10.0.0.1'), false), '10.0.0.1')
    assert.deepEqual(await heard(resolving('10.0.0.1', '::1'), true), [
      { address: '10.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ])
  })

  test('passes on that there is no answer', async () => {
    const failing: LookupFunction = (_, __, done) => done(Object.assign(new Error('x'), { code: 'ENOTFOUND' }), '')
    assert.equal(await heard(failing, true), 'ENOTFOUND')
  })
})
