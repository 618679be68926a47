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

  test('refuses more than 8 KiB, to the byte, instead of leaving values out', () => {
    const block = identityBlock({ groups: 'X-Groups' })
    const most = 8192 - 'X-Groups: \r\n'.length
    const groups = ['a'.repeat(5000), 'b'.repeat(most - 5001)] // and a comma
    assert.deepEqual(block(principal({ groups })), pass(['X-Groups', groups.join(',')]))

    const tooMuch = block(principal({ groups: [...groups, 'c'] }))
    assert.equal(tooMuch.kind === 'deny' && tooMuch.code, 'identity_too_large')
    const byOne = block(principal({ groups: ['a'.repeat(most + 1)] }))
    assert.equal(byOne.kind === 'deny' && byOne.code, 'identity_too_large')
  })

  test('counts every header of the set, as it is on the wire', () => {
    const block = identityBlock({ name: 'X-Name', tenant: 'X-Tenant' })
    const half = 'ü'.repeat(700) // 6 bytes each on the wire
    assert.equal(block(principal({ name: half })).kind, 'pass')
    assert.equal(block(principal({ name: half, tenant: half })).kind, 'deny')
  })
})
