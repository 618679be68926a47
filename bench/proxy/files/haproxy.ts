/**
 * Files for HAProxy, one thread each: plain, or verifying every token anew with the claims that Heimdall checks too.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { AUDIENCE, ISSUER } from '../tokens.ts'
import type { Upstream } from '../world.ts'

type Verified = 'RS256' | 'ES256'

const bearer = (folder: string, algorithm: Verified) => `
  http-request set-var(txn.token) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.alg') -m str ${algorithm} }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify("${algorithm}","${folder}/${algorithm}.pem") 1 }
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

export interface HaproxyOptions {
  /** Verifies tokens; nothing is looked at unless told. */
  readonly verify?: Verified
  /** Also writes an access log and limits requests per subject. */
  readonly account?: boolean
}

/** @returns path of the file */
export function haproxyFile(
  folder: string,
  port: number,
  target: Upstream,
  { verify, account = false }: HaproxyOptions = {},
): string {
  const path = join(folder, `haproxy-${port}.cfg`)
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
  timeout tunnel 1h
  timeout connect 1s
  http-reuse always
  option http-keep-alive
frontend listen
  bind 127.0.0.1:${port}${verify === undefined ? '' : bearer(folder, verify)}${account ? accounted : ''}
  default_backend service
backend service
  server one 127.0.0.1:${target.port}
`,
  )
  return path
}
