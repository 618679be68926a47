/** What it costs to make a request's headers for the service: 12 of the client in, some dropped, ours added. @module */
import { performance } from 'node:perf_hooks'

import { identityBlock } from '#identity/block.ts'
import { identify } from '#identity/identify.ts'
import { managedNames } from '#identity/managed.ts'
import { admit } from '#request/admit.ts'
import { issuePermit } from '#request/permit.ts'
import type { Principal } from '#request/principal.ts'

const headers = [
  ['Host', 'api.test'],
  ['User-Agent', 'curl/8.5.0'],
  ['Accept', 'application/json'],
  ['Accept-Encoding', 'gzip, br'],
  ['Accept-Language', 'en'],
  ['Authorization', 'Bearer e30.e30.e30'],
  ['Cookie', 'theme=dark; heimdall_session=hs_abc; lang=en'],
  ['Connection', 'keep-alive'],
  ['Cache-Control', 'no-cache'],
  ['X-Forwarded-For', '203.0.113.9'],
  ['Content-Type', 'application/json'],
  ['Referer', 'https://app.test/'],
].flat()

const raw = { method: 'GET', url: '/orders', version: '1.1', headers, peer: '192.0.2.1', encrypted: false }
const alice: Principal = Object.freeze({
  issuer: 'https://id.test',
  subject: 'alice',
  authenticator: 'acme',
  scheme: 'jwt',
  roles: ['user'],
  permissions: ['orders:read', 'orders:write'],
  scopes: ['openid'],
  groups: ['staff'],
  email: 'alice@acme.test',
  name: 'Alice',
  claims: {},
})
const context = { client: '192.0.2.1', trusted: false, request_id: 'r'.repeat(26), traceparent: 't'.repeat(55) }

const admitted = admit(raw)
if (admitted.kind === 'deny') throw new TypeError(admitted.note)
const request = admitted.value
const stage = identify({
  block: identityBlock('heimdall'),
  isManaged: managedNames(['heimdall']),
  credentials: { headers: ['x-api-key'], cookies: ['heimdall_session'] },
  forward_credential: false,
})

function measure(name: string, work: () => unknown): void {
  const times = 300_000
  for (let round = 0; round < 4; round += 1) {
    const start = performance.now()
    for (let index = 0; index < times; index += 1) work()
    const each = ((performance.now() - start) / times) * 1000
    if (round > 0) console.log(`${name}: ${each.toFixed(2)} µs`)
  }
}

const known = issuePermit(alice)
const anonymous = issuePermit(undefined)
measure('known identity', () => stage(known, request, context))
measure('anonymous', () => stage(anonymous, request, context))
measure('behind a trusted proxy', () => stage(known, request, { ...context, client: '203.0.113.9', trusted: true }))
measure('admission of the same request', () => admit(raw))
