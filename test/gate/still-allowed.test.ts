import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { after, suite, test } from 'node:test'

import { createKeySets } from '#authn/key-sets.ts'
import type { Lookups } from '#authn/lookups.ts'
import { loadConfig } from '#config/load.ts'
import { createBadCredentials } from '#gate/bad-credentials.ts'
import { compileGate, type Gate } from '#gate/compile.ts'
import { decide } from '#gate/decide.ts'
import { stillAllowed } from '#gate/still-allowed.ts'
import { createLimiters } from '#ratelimit/limiters.ts'
import type { GrantsRecord } from '#stores/reads.ts'
import { silent } from '#telemetry/log.ts'
import { createMetrics } from '#telemetry/metrics.ts'

import { handshake } from '../support/websocket.ts'

const SESSION = `hs_${'A'.repeat(43)}`
const KEY = 'a-key-of-the-file'

const key = (subject: string) => `{ id: k1, digest: "sha256:${hash('sha256', KEY)}", subject: ${subject} }`
const file = ({ routes = '', keys = key('robot') } = {}) => `
version: 1
stores: { postgres: "postgres://127.0.0.1:1/none" }
upstreams: { app: http://127.0.0.1:1 }
authenticators: { login: { session: {} }, keys: { api_key: { keys: [${keys}] } } }
defaults: { upstream: app, authenticate: [login, keys] }
routes:
  - { name: health, path: /healthz, public: true }
  ${routes}
`
const ROUTE = '- { name: ws, path: /ws, require: { roles: [staff] }, limits: [{ allow: 1/h, by: client }] }'
const ANY = '- { name: any, path: /any }'

const metrics = createMetrics()
const keySets = createKeySets({ metrics, log: silent })
after(() => keySets.close())

interface Directory {
  grants: GrantsRecord
  revoked: boolean
  away: boolean
}

function gate(yaml: string, directory: Directory): Gate {
  const loaded = loadConfig('/h.yaml', { env: {}, readFile: () => yaml, listFolder: () => [] })
  assert.ok('config' in loaded, 'problems' in loaded ? JSON.stringify(loaded.problems, null, 2) : '')
  const facts = { id: 's1', subject: 'alice', expires_at: 4e12, active: true, email: null, name: null, tenant: null }
  const found = { kind: 'found', layer: 'l1', age: 0, stale: false } as const
  const lookups: Lookups = {
    session: () =>
      directory.away ? { kind: 'unavailable' } : { ...found, value: { ...facts, revoked: directory.revoked } },
    apiKey: () => ({ kind: 'absent', layer: 'l1', age: 0 }),
    grants: async () => ({ ...found, value: directory.grants }),
  }
  return compileGate(loaded.config, {
    authn: { clock: () => 1_800_000_000_000, keySets, lookups, metrics, log: silent },
    limits: createLimiters({ metrics }),
    badCredentials: createBadCredentials({ metrics, log: silent }),
  })
}

/** A handshake that was let through by one file, and what is said of it later, by the same file or another. */
async function opened(
  url: string,
  headers: Readonly<Record<string, string>>,
  yaml = file({ routes: `${ROUTE}\n  ${ANY}` }),
) {
  const directory: Directory = {
    grants: { roles: ['night', 'staff'], permissions: ['x:read'], active: true },
    revoked: false,
    away: false,
  }
  const rules = gate(yaml, directory)
  const raw = { method: 'GET', url, version: '1.1', peer: '203.0.113.9', encrypted: false }
  const decision = await decide(rules, {
    ...raw,
    headers: Object.entries({ Host: 'a.test', ...handshake, ...headers }).flat(),
  })
  assert.ok(decision.kind === 'permit', 'let through at first')
  const { request, permit } = decision
  return {
    directory,
    judged: async (by?: string) => {
      const verdict = await stillAllowed(by === undefined ? rules : gate(by, directory), request, permit.principal)
      return verdict.kind === 'pass' ? 'pass' : `${verdict.code}: ${verdict.note}`
    },
  }
}

const bearer = { Authorization: `Bearer ${SESSION}` }
const apiKey = { 'X-API-Key': KEY }

suite('stillAllowed', () => {
  test('passes what is as it was, again and again, and charges no limit', async () => {
    const { judged } = await opened('/ws', bearer)
    for (let turn = 0; turn < 5; turn += 1) assert.equal(await judged(), 'pass')
  })

  test('refuses what the directory says no to, and cannot tell when it is away', async () => {
    const { judged, directory } = await opened('/ws', bearer)
    directory.revoked = true
    assert.match(await judged(), /^invalid_session: /)
    directory.away = true
    assert.match(await judged(), /^store_unavailable: /)
  })

  test('refuses who has lost what the route requires, or what the service was told', async () => {
    const { judged, directory } = await opened('/any', bearer)
    directory.grants = { ...directory.grants, roles: ['staff'] }
    assert.equal(await judged(), 'permission_denied: has lost night')
    directory.grants = { ...directory.grants, roles: ['night', 'staff'], permissions: [] }
    assert.equal(await judged(), 'permission_denied: has lost x:read')
    const staff = await opened('/ws', bearer)
    staff.directory.grants = { ...staff.directory.grants, roles: ['night'] }
    assert.equal(await staff.judged(), 'permission_denied: lacks role staff')
  })

  test('does not mind what was gained', async () => {
    const { judged, directory } = await opened('/any', bearer)
    directory.grants = { ...directory.grants, roles: ['boss', 'night', 'staff'], permissions: ['x:read', 'x:write'] }
    assert.equal(await judged(), 'pass')
  })

  test('refuses by the file in force: no route, another requirement, no upgrades, other clients', async () => {
    const { judged } = await opened('/any', bearer)
    const by = (route: string) => judged(file({ routes: `- { name: any, path: /any, ${route} }` }))
    assert.match(await judged(file()), /^route_unknown: /)
    assert.match(await by('require: { roles: [boss] }'), /^permission_denied: /)
    assert.match(await by('websocket: false'), /^upgrade_invalid: /)
    assert.match(await by('deny_clients: [203.0.113.0/24]'), /^client_denied: /)
    assert.match(await by('authenticate: [keys]'), /^no_credentials: /)
    assert.equal(await by('limits: [{ allow: 1/h, by: client }]'), 'pass')
  })

  test('refuses a key that the file no longer has, or has for somebody else', async () => {
    const { judged } = await opened('/any', apiKey)
    assert.equal(await judged(), 'pass')
    assert.match(await judged(file({ routes: ANY, keys: '' })), /^invalid_api_key: /)
    assert.match(await judged(file({ routes: ANY, keys: key('other') })), /^permission_denied: .*no longer/)
    assert.match(await judged(file({ routes: '- { path: /any, public: true }' })), /^permission_denied: .*no longer/)
  })

  test('minds the Origin of a page whose browser sent the cookie', async () => {
    const page = { Cookie: `heimdall_session=${SESSION}`, Origin: 'https://app.test' }
    const cors = (origin: string) =>
      file({ routes: `- { path: /any, cors: { origins: ["${origin}"], credentials: true } }` })
    const { judged } = await opened('/any', page, cors('https://app.test'))
    assert.equal(await judged(), 'pass')
    assert.match(await judged(cors('https://new.test')), /^origin_denied: /)
  })

  test('lets anonymous tunnels of public routes be', async () => {
    const { judged } = await opened('/healthz', {})
    assert.equal(await judged(), 'pass')
  })
})
