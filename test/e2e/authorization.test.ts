/**
 * Who may do what: requirements of routes against grants of tokens, of the file and of the directory.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { Client } from 'pg'

import { grant, setRole, upsertUser } from '#stores/writes.ts'

import { fixed } from '../support/answers.ts'
import { ask, outcomeOf } from '../support/ask.ts'
import { serve, type TestGateway } from '../support/gateway.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { keeper } from '../support/keeper.ts'
import { noPostgres, startPostgres } from '../support/postgres.ts'
import { eventually } from '../support/processes.ts'
import { sample } from '../support/samples.ts'
import { storeDirectory, type StoredDirectory } from '../support/stored-directory.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const PASS = '200'
const NO = '403 permission_denied'

suite('authorization from the token and the file', () => {
  const keep = keeper()
  let issuer: TestIssuer
  let upstream: Upstream
  let gateway: TestGateway

  before(async () => {
    issuer = keep(await startIssuer())
    upstream = keep(await startUpstream(fixed(200, 'service')))
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
upstreams: { service: "${upstream.url}" }
roles: { clerk: ["orders:read", "orders:list"], chief: ["*"] }
authenticators:
  id:
    jwt:
      issuer: "${issuer.name}"
      jwks_url: "${issuer.keys.url}"
      audience: orders-api
      claims: { roles: realm_access.roles }
defaults: { upstream: service, authenticate: [id] }
routes:
  - { path: /read, require: { permissions: ["orders:read"] } }
  - { path: /both, require: { permissions: ["orders:read", "orders:write"] } }
  - { path: /either, require: { any_permission: ["orders:read", "orders:write"] } }
  - { path: /all-roles, require: { roles: [admin, auditor] } }
  - { path: /one-role, require: { any_role: [admin, auditor] } }
  - { path: /any-scope, require: { any_scope: ["a", "b"] } }
  - { path: /claims, require: { claims: { dept: sales, "address.country": [NO], level: 3 } } }
  - { path: /any-claim, require: { any_claim: { dept: sales, vip: true } } }
  - { path: /mixed, require: { roles: [clerk], claims: { dept: sales } } }
  - { path: /shadow, mode: shadow, require: { roles: [admin] } }
  - { path: /me }
`),
    )
  })

  const may = async (path: string, part: Record<string, unknown> = {}) =>
    outcomeOf(await ask(gateway, `GET ${path}`, issuer.as('alice', part)))
  const roles = (...names: string[]) => ({ realm_access: { roles: names } })

  test('all-of and any-of permissions', async () => {
    assert.equal(await may('/read'), NO)
    assert.equal(await may('/read', { permissions: ['orders:read'] }), PASS)
    assert.equal(await may('/both', { permissions: ['orders:read'] }), NO)
    assert.equal(await may('/both', { permissions: ['orders:write', 'orders:read'] }), PASS)
    assert.equal(await may('/either', { permissions: ['orders:write'] }), PASS)
    assert.equal(await may('/either', { permissions: ['orders:list'] }), NO)
  })

  test('a granted orders:* has orders:read, never the other way round', async () => {
    assert.equal(await may('/both', { permissions: ['orders:*'] }), PASS)
    assert.equal(await may('/read', { permissions: ['ord*'] }), NO)
    assert.equal(await may('/read', { permissions: ['orders'] }), NO)
    assert.equal(await may('/read', { permissions: ['orders:read:own'] }), NO)
  })

  test('all-of and any-of roles, read where the file says they are', async () => {
    assert.equal(await may('/all-roles', roles('admin')), NO)
    assert.equal(await may('/all-roles', roles('auditor', 'admin')), PASS)
    assert.equal(await may('/one-role', roles('auditor')), PASS)
    assert.equal(await may('/one-role', roles('user')), NO)
    assert.equal(await may('/one-role', { roles: ['admin'] }), NO)
    assert.equal(await may('/one-role', roles('Admin')), NO)
  })

  test('roles give the permissions that the file maps to them', async () => {
    assert.equal(await may('/read', roles('clerk')), PASS)
    assert.equal(upstream.requests.at(-1)?.header('x-heimdall-permissions'), 'orders:list,orders:read')
    assert.equal(await may('/both', roles('clerk')), NO)
    assert.equal(await may('/both', roles('chief')), PASS)
  })

  test('scopes satisfy scopes and nothing else', async () => {
    assert.equal(await may('/any-scope', { scope: 'b c' }), PASS)
    assert.equal(await may('/any-scope', { scp: ['a'] }), PASS)
    assert.equal(await may('/any-scope', { scope: 'ab' }), '403 insufficient_scope')
    assert.equal(await may('/any-scope', { permissions: ['a'] }), '403 insufficient_scope')
    assert.equal(await may('/read', { scope: 'orders:read' }), NO)
  })

  test('all-of and any-of claims, by path, with their type', async () => {
    const good = { dept: 'sales', address: { country: ['SE', 'NO'] }, level: 3 }
    assert.equal(await may('/claims', good), PASS)
    assert.equal(await may('/claims', { ...good, level: '3' }), NO)
    assert.equal(await may('/claims', { ...good, address: { country: 'SE' } }), NO)
    assert.equal(await may('/claims', { ...good, dept: undefined }), NO)
    assert.equal(await may('/any-claim', { vip: true }), PASS)
    assert.equal(await may('/any-claim', { vip: 'true' }), NO)
  })

  test('several requirements of a route must all be satisfied', async () => {
    assert.equal(await may('/mixed', roles('clerk')), NO)
    assert.equal(await may('/mixed', { ...roles('clerk'), dept: 'sales' }), PASS)
  })

  test('nobody is asked to prove who they are before they are told that they may not', async () => {
    assert.equal(outcomeOf(await ask(gateway, 'GET /read')), '401 no_credentials')
    const denied = await ask(gateway, 'GET /read', issuer.as('alice'))
    assert.equal(denied.header('www-authenticate'), undefined)
    assert.ok(!denied.text.includes('orders:read'), 'tells what is missing')
  })

  test('the log tells the operator what was missing', async () => {
    const response = await ask(gateway, 'GET /mixed', issuer.as('alice'))
    const id = response.header('x-request-id')
    const line = await gateway.line((one) => one['request_id'] === id)
    assert.equal(line['note'], 'lacks role clerk, claim dept=sales')
    assert.equal(line['subject'], 'alice')
  })

  test('a route in shadow mode lets pass and records what it would have refused', async () => {
    const response = await ask(gateway, 'GET /shadow', issuer.as('alice'))
    assert.equal(response.status, 200)
    const id = response.header('x-request-id')
    assert.equal((await gateway.line((one) => one['request_id'] === id))['shadow'], 'permission_denied')
    const counted = sample(await gateway.metrics(), 'heimdall_shadow_denials_total', {
      route: '/shadow',
      outcome: 'permission_denied',
    })
    assert.equal(counted, 1)
    assert.equal(outcomeOf(await ask(gateway, 'GET /shadow')), '401 no_credentials')
  })

  test('a claim of the wrong shape gives nothing', async () => {
    for (const permissions of [{ 'orders:read': true }, [['orders:read']], 'orders:read,x', null, 7])
      assert.equal(await may('/read', { permissions }), NO, JSON.stringify(permissions))
  })
})

suite('authorization from the directory', { skip: noPostgres }, () => {
  const keep = keeper()
  let issuer: TestIssuer
  let upstream: Upstream
  let directory: StoredDirectory
  let gateway: TestGateway

  before(async () => {
    issuer = keep(await startIssuer())
    upstream = keep(await startUpstream(fixed(200, 'service')))
    const postgres = keep(await startPostgres())
    directory = keep(await storeDirectory(postgres.url))
    await setRole(directory.db, 'user', ['orders:read'])
    await upsertUser(directory.db, { id: 'alice' })
    await grant(directory.db, { issuer: 'heimdall', subject: 'alice' }, { roles: ['user'] })
    await grant(directory.db, { issuer: issuer.name, subject: 'alice' }, { permissions: ['reports:read'] })
    const jwt = `issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}", audience: orders-api`
    gateway = keep(
      await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
stores: { postgres: "${directory.url}" }
upstreams: { service: "${upstream.url}" }
roles: { extra: ["extra:do"] }
authenticators:
  claims: { jwt: { ${jwt}, grants: claims } }
  directory: { jwt: { ${jwt}, grants: directory } }
  both: { jwt: { ${jwt}, grants: both } }
  login: { session: {} }
defaults: { upstream: service }
routes:
  - { path: /claims, authenticate: [claims] }
  - { path: /directory, authenticate: [directory] }
  - { path: /both, authenticate: [both] }
  - { path: /orders, authenticate: [login], require: { permissions: ["orders:read"] } }
  - { path: /reports, authenticate: [directory], require: { permissions: ["reports:read"] } }
`),
    )
  })

  const granted = async (path: string, part: Record<string, unknown>) => {
    assert.equal((await ask(gateway, `GET ${path}`, issuer.as('alice', part))).status, 200)
    return upstream.requests.at(-1)?.header('x-heimdall-permissions')
  }

  test('grants come from the token, from the directory, or from both, as the authenticator says', async () => {
    const part = { permissions: ['orders:write'], roles: ['extra'] }
    assert.equal(await granted('/claims', part), 'extra:do,orders:write')
    assert.equal(await granted('/directory', part), 'reports:read')
    assert.equal(await granted('/both', part), 'extra:do,orders:write,reports:read')
  })

  test('alice of one issuer is not alice of another', async () => {
    const { value } = await directory.session('alice')
    const session = { Authorization: `Bearer ${value}` }
    assert.equal(outcomeOf(await ask(gateway, 'GET /orders', session)), PASS)
    assert.equal(upstream.requests.at(-1)?.header('x-heimdall-permissions'), 'orders:read')
    assert.equal(upstream.requests.at(-1)?.header('x-heimdall-roles'), 'user')
    assert.equal(await granted('/directory', {}), 'reports:read')
    assert.equal(outcomeOf(await ask(gateway, 'GET /reports', issuer.as('bob'))), NO)
  })

  test('a change of roles is in force within 5 s, both ways, for people who are known already', async () => {
    const sessions = new Map<string, Record<string, string>>()
    for (const name of ['carol', 'dave']) {
      await upsertUser(directory.db, { id: name })
      sessions.set(name, { Authorization: `Bearer ${(await directory.session(name)).value}` })
    }
    const may = async (name: string) => outcomeOf(await ask(gateway, 'GET /orders', sessions.get(name)))
    await grant(directory.db, { issuer: 'heimdall', subject: 'carol' }, { roles: ['user'] })
    assert.deepEqual([await may('carol'), await may('dave')], [PASS, NO])

    await directory.db.deleteFrom('heimdall.grants').where('subject', '=', 'carol').execute()
    await grant(directory.db, { issuer: 'heimdall', subject: 'dave' }, { roles: ['user'] })
    await eventually(
      'the roles are changed',
      async () => (await may('carol')) === NO && (await may('dave')) === PASS,
      5300,
    )
  })

  test('the role of the gateway can read the directory and change nothing in it', async () => {
    const client = new Client({ connectionString: directory.url })
    await client.connect()
    try {
      assert.equal((await client.query('select * from heimdall.users')).rowCount, 3)
      for (const statement of [
        `insert into heimdall.grants values ('heimdall', 'mallory', 'role', 'admin')`,
        `update heimdall.users set state = 'active'`,
        'delete from heimdall.sessions',
        'create table heimdall.mine (x int)',
      ])
        await assert.rejects(client.query(statement), /permission denied/, statement)
    } finally {
      await client.end()
    }
  })
})
