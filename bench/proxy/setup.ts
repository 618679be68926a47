/**
 * What every run shares: keys, a token, free ports, and the files of the programs that are compared.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { freePort } from '../../test/support/processes.ts'
import { newSigner, token } from '../../test/support/tokens.ts'

const ISSUER = 'https://id.bench.test'
const AUDIENCE = 'bench'
/** One of the hundred services that Heimdall has routes for. */
export const PATH = '/services/57/items?page=2'
export const PUBLIC_PATH = '/public/57/items?page=2'

export interface Setup {
  readonly folder: string
  readonly upstream: { readonly port: number; readonly origin: string }
  /** Good for an hour, with the permission that Heimdall's routes ask for. */
  readonly token: string
  /** The same, signed by somebody else. */
  readonly forged: string
}

/** Writes the files of a run to `folder`. */
export async function prepare(folder: string): Promise<Setup> {
  const [upstream, seconds] = [await freePort(), Math.floor(Date.now() / 1000)]
  const [good, other] = [newSigner('RS256', 'bench'), newSigner('RS256', 'bench')]
  const grants = { roles: ['user'], permissions: ['items:read', 'items:write'], scope: 'openid profile' }
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: seconds, exp: seconds + 3600, ...grants }
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [good.jwk] }))
  writeFileSync(join(folder, 'public.pem'), createPublicKey(good.key).export({ type: 'spki', format: 'pem' }))
  return {
    folder,
    upstream: { port: upstream, origin: `http://127.0.0.1:${upstream}` },
    token: token(good, claims),
    forged: token(other, claims),
  }
}

/** nginx: the upstream when `target` is absent, else a plain proxy before it. */
export function nginxFile({ folder }: Setup, port: number, target?: number): string {
  const name = target === undefined ? 'upstream' : 'proxy'
  const answer = `return 200 '{"items":[1,2,3],"from":"memory"}';`
  const pass = 'proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";'
  const path = join(folder, `nginx-${name}.conf`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path ${folder}/${name}-${kind};`,
  )
  writeFileSync(
    path,
    `
worker_processes 1; daemon off; master_process off; pid ${folder}/${name}.pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; default_type application/json;
${temporary.join('\n')}
  ${target === undefined ? '' : `upstream service { server 127.0.0.1:${target}; keepalive 256; keepalive_requests 1000000000; }`}
  server { listen 127.0.0.1:${port}; location / { ${target === undefined ? answer : pass} } }
}
`,
  )
  return path
}

const bearer = (folder: string) => `
  http-request set-var(txn.token) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.alg') -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify("RS256","${folder}/public.pem") 1 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.iss') -m str ${ISSUER} }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.aud') -m str ${AUDIENCE} }
  http-request set-var(txn.now) date
  http-request set-var(txn.left) var(txn.token),jwt_payload_query('$.exp','int'),sub(txn.now)
  http-request deny deny_status 401 unless { var(txn.left) -m int gt 0 }
  http-request set-header X-Subject %[var(txn.token),jwt_payload_query('$.sub')]
  http-request del-header Authorization`

const accounted = `
  log stdout format raw local0
  option httplog
  stick-table type string size 100k expire 2m store http_req_rate(1m)
  http-request track-sc0 var(txn.token),jwt_payload_query('$.sub')
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 100000000 }`

/** HAProxy: plain, verifying the token, or that with an access log and a limit per subject as well. */
export function haproxyFile({ folder, upstream }: Setup, port: number, kind: 'plain' | 'rs256' | 'rs256-log'): string {
  const path = join(folder, `haproxy-${kind}.cfg`)
  writeFileSync(
    path,
    `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout client 1h
  timeout server 1h
  timeout connect 1s
  http-reuse always
  option http-keep-alive
frontend listen
  bind 127.0.0.1:${port}${kind === 'plain' ? '' : bearer(folder)}${kind === 'rs256-log' ? accounted : ''}
  default_backend service
backend service
  server one 127.0.0.1:${upstream.port}
`,
  )
  return path
}

/** Heimdall: a hundred routes that ask for a permission and count per subject, and one public route. */
export async function heimdallFile({ folder, upstream }: Setup, port: number): Promise<string> {
  const path = join(folder, 'heimdall.yaml')
  const routes = Array.from({ length: 99 }, (_, index) =>
    [
      `  - name: service-${index}`,
      `    path: /services/${index}/**`,
      '    methods: [GET, POST]',
      '    require: { permissions: ["items:read"] }',
    ].join('\n'),
  )
  writeFileSync(
    path,
    `
version: 1
listen: 127.0.0.1:${port}
probes: 127.0.0.1:${await freePort()}
upstreams: { service: ${upstream.origin} }
authenticators:
  issuer: { jwt: { issuer: ${ISSUER}, audience: ${AUDIENCE}, jwks_file: jwks.json } }
limits:
  per-subject: { allow: 100000000/min, by: subject }
defaults: { upstream: service, authenticate: [issuer], limits: [per-subject] }
routes:
${routes.join('\n')}
  - name: public
    path: /public/**
    public: true
`,
  )
  return path
}
