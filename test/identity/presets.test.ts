import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { identityBlock } from '#identity/block.ts'
import { presets } from '#identity/presets.ts'
import { collapse } from '#request/fields.ts'
import { pass } from '#request/verdict.ts'

import { principal } from '../support/incoming.ts'

const alice = principal({
  roles: ['user', 'admin'],
  permissions: ['orders:read'],
  scopes: ['openid'],
  groups: ['staff', 'it'],
  email: 'alice@acme.test',
  name: 'Alice',
  tenant: 'acme',
  client: 'web',
  session: 's1',
  claims: { preferred_username: 'al' },
})

suite('presets', () => {
  test('heimdall tells every fact of the identity', () => {
    assert.deepEqual(
      identityBlock('heimdall')(alice),
      pass(
        [
          ['X-Heimdall-Subject', 'alice'],
          ['X-Heimdall-Issuer', 'https://id.test'],
          ['X-Heimdall-Roles', 'admin,user'],
          ['X-Heimdall-Permissions', 'orders:read'],
          ['X-Heimdall-Scopes', 'openid'],
          ['X-Heimdall-Groups', 'it,staff'],
          ['X-Heimdall-Email', 'alice@acme.test'],
          ['X-Heimdall-Name', 'Alice'],
          ['X-Heimdall-Tenant', 'acme'],
          ['X-Heimdall-Client', 'web'],
          ['X-Heimdall-Session', 's1'],
          ['X-Heimdall-Authenticator', 'acme'],
        ].flat(),
      ),
    )
  })

  test('oauth2-proxy tells both families of names', () => {
    const facts = [
      ['User', 'alice'],
      ['Email', 'alice@acme.test'],
      ['Preferred-Username', 'al'],
      ['Groups', 'it,staff'],
    ] as const
    const family = (prefix: string) => facts.flatMap(([name, value]) => [`${prefix}-${name}`, value])
    assert.deepEqual(
      identityBlock('oauth2-proxy')(alice),
      pass([...family('X-Forwarded'), ...family('X-Auth-Request')]),
    )
  })

  test('remote-user tells user, groups, email and name', () => {
    assert.deepEqual(
      identityBlock('remote-user')(alice),
      pass([
        'Remote-User',
        'alice',
        'Remote-Groups',
        'it,staff',
        'Remote-Email',
        'alice@acme.test',
        'Remote-Name',
        'Alice',
      ]),
    )
  })

  test('kong tells a consumer', () => {
    assert.deepEqual(
      identityBlock('kong')(alice),
      pass(
        [
          ['X-Consumer-ID', 'alice'],
          ['X-Consumer-Custom-ID', 'alice'],
          ['X-Consumer-Username', 'Alice'],
          ['X-Credential-Identifier', 'web'],
          ['X-Authenticated-Groups', 'it,staff'],
        ].flat(),
      ),
    )
  })

  test('no two headers of a preset collapse to one', () => {
    for (const headers of Object.values(presets))
      assert.equal(new Set(headers.map(({ name }) => collapse(name))).size, headers.length)
  })
})
