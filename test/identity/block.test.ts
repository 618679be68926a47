import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { identityBlock } from '#identity/block.ts'
import { pass } from '#request/verdict.ts'

import { principal } from '../support/incoming.ts'

suite('identityBlock', () => {
  test('leaves out what the identity does not have', () => {
    assert.deepEqual(
      identityBlock('heimdall')(principal()),
      pass(['X-Heimdall-Subject', 'alice', 'X-Heimdall-Issuer', 'https://id.test', 'X-Heimdall-Authenticator', 'acme']),
    )
  })

  test('follows a map of claim to header', () => {
    const block = identityBlock({ subject: 'X-User', 'org.id': 'X-Org', 'org.name': 'X-Org-Name' })
    assert.deepEqual(block(principal({ claims: { org: { id: 7 } } })), pass(['X-User', 'alice', 'X-Org', '7']))
  })

  test('makes the headers of a principal once', () => {
    const block = identityBlock('heimdall')
    const alice = principal()
    assert.equal(block(alice), block(alice))
    assert.notEqual(block(alice), block(principal()))
  })

  test('refuses more than 8 KiB instead of leaving values out', () => {
    const groups = (count: number) => Array.from({ length: count }, (_, index) => `group-${1000 + index}`)
    const block = identityBlock({ groups: 'X-Groups' })
    const overhead = 'X-Groups: \r\n'.length - 1 // one comma fewer than members
    const most = Math.floor((8192 - overhead) / 'group-1000,'.length)

    const fits = block(principal({ groups: groups(most) }))
    assert.equal(fits.kind, 'pass')
    const tooMany = block(principal({ groups: groups(most + 1) }))
    assert.equal(tooMany.kind === 'deny' && tooMany.code, 'identity_too_large')
  })

  test('counts every header of the set, as it is on the wire', () => {
    const block = identityBlock({ name: 'X-Name', tenant: 'X-Tenant' })
    const half = 'ü'.repeat(700) // 6 bytes each on the wire
    assert.equal(block(principal({ name: half })).kind, 'pass')
    assert.equal(block(principal({ name: half, tenant: half })).kind, 'deny')
  })
})
