/** What it costs to find the route of a request among 1000, and what a principal seen before costs to authorize. @module */
import { performance } from 'node:perf_hooks'

import { authorize } from '#authz/authorize.ts'
import { admit } from '#request/admit.ts'
import { newEvidence } from '#request/evidence.ts'
import type { Principal } from '#request/principal.ts'
import { match } from '#routing/match.ts'
import { buildTable } from '#routing/table.ts'

const table = buildTable(
  Array.from({ length: 250 }, (_, index) =>
    [`/api/s${index}`, `/api/s${index}/{id}`, `/api/s${index}/{id}/items/**`, `/api/s${index}/**`].map((path) => ({
      name: path,
      path,
      methods: ['GET'],
      allow_encoded: [],
      route: path,
    })),
  ).flat(),
)

const alice: Principal = Object.freeze({
  issuer: 'https://id.test',
  subject: 'alice',
  authenticator: 'acme',
  scheme: 'jwt',
  roles: ['user'],
  permissions: ['orders:read', 'orders:write'],
  scopes: ['openid'],
  groups: [],
  claims: {},
})
const stage = authorize({ permissions: ['orders:read'] }, { shadow: false })
const evidence = newEvidence('r', 't')

function measure(name: string, work: (turn: number) => unknown): void {
  const times = 1_000_000
  for (let round = 0; round < 3; round += 1) {
    const start = performance.now()
    for (let turn = 0; turn < times; turn += 1) work(turn)
    const each = ((performance.now() - start) / times) * 1e6
    if (round > 0) console.log(`${name}: ${each.toFixed(0)} ns`)
  }
}

/** A hundred requests of one kind, each with strings of its own, as parsed from the wire. */
function requests(path: (index: number) => string) {
  return Array.from({ length: 100 }, (_, index) => {
    const url = Buffer.from(path(index)).toString()
    const raw = { method: 'GET', url, version: '1.1', headers: ['Host', 'api.test'], peer: '::1', encrypted: false }
    const admitted = admit(raw)
    if (admitted.kind === 'deny') throw new TypeError(admitted.note)
    return admitted.value
  })
}

const kinds = {
  'literal path': (index: number) => `/api/s${index * 2}`,
  'path with a parameter': (index: number) => `/api/s${index * 2}/4711`,
  'path under a rest': (index: number) => `/api/s${index * 2}/4711/items/9/parts`,
  'path with an escape': (index: number) => `/api/s${index * 2}/a%20b`,
  'unknown path': (index: number) => `/other/s${index * 2}/4711`,
}
for (const [name, path] of Object.entries(kinds)) {
  const known = requests(path)
  measure(name, (turn) => {
    const request = known[turn % 100]
    return request && match(table, request)
  })
}
measure('authorize, principal seen before', () => stage(alice, evidence))
