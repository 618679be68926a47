/**
 * A gateway to attack: one public and one protected prefix, every kind of route beside them, and a service that records bytes.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { request } from 'undici'

import { fixed } from './answers.ts'
import { serve, type TestGateway } from './gateway.ts'
import { startIssuer, type TestIssuer } from './issuer.ts'
import type { Keep } from './keeper.ts'
import { eventually } from './processes.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** An API key that the file lists; its subject is `robot`. */
export const API_KEY = `hd_abcdefghijkl_${'A'.repeat(43)}`

/** What nobody without an identity may reach at the service. */
export const PROTECTED = '/admin'

export interface Fortress {
  readonly upstream: Upstream
  readonly issuer: TestIssuer
  readonly gateway: TestGateway
  readonly port: number
}

const routes = `
  - { path: "/public/**", public: true }
  - { path: "/admin/**" }
  - { path: "/roles/**", require: { roles: [admin] } }
  - { path: /other-audience, authenticate: [elsewhere] }
  - { path: /tokens-only, authenticate: [acme] }
  - { path: /maybe, optional: true }
  - { path: /shadow, mode: shadow, require: { roles: [nobody] } }
  - { path: "/strip/**", public: true, strip_prefix: /strip }
  - { path: "/rewrite/{name}/**", public: true, rewrite: "/public/{name}/**" }
  - { path: "/encoded/**", public: true, allow_encoded: [slash, semicolon] }
  - { path: /small, public: true, max_body: 10B }
  - { path: /limited, public: true, limits: [{ allow: 3/min, by: client }] }
  - { path: /cors, cors: { origins: ["https://app.test"], credentials: true } }
  - { path: /plain, public: true, websocket: false }
  - { path: /forward, public: true, forward_credential: true }
  - { path: /only, host: one.test }
  - { path: /slow, public: true, timeout: 300ms }
  - { path: /down, public: true, upstream: nowhere }
`

/** Starts all of it; `top` is more of the file. */
export async function startFortress(keep: Keep, top = ''): Promise<Fortress> {
  const upstream = keep(await startUpstream(fixed(200, 'service')))
  const issuer = keep(await startIssuer())
  const keys = `issuer: "${issuer.name}", jwks_url: "${issuer.keys.url}"`
  const gateway = keep(
    await serve(`
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
bad_credentials: off
${top}
upstreams:
  service: { targets: ["${upstream.url}"], breaker: { of_at_least: 1000000 } }
  nowhere: http://127.0.0.1:1
authenticators:
  acme: { jwt: { ${keys}, audience: orders-api } }
  elsewhere: { jwt: { ${keys}, audience: billing-api } }
  robots: { api_key: { keys: [{ id: k1, subject: robot, digest: "sha256:${sha256(API_KEY)}" }] } }
defaults: { upstream: service, authenticate: [acme, robots] }
routes:${routes}`),
  )
  await eventually('the keys are there', async () => (await request(`${gateway.probes}/readyz`)).statusCode === 200)
  return { upstream, issuer, gateway, port: gateway.port }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
