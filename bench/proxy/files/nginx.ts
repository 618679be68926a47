/**
 * Files for nginx: the upstream, and the proxies that are compared. One process each, no access log.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Upstream } from '../world.ts'

const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
const kept = 'proxy_http_version 1.1; proxy_set_header Connection "";'

function write(folder: string, name: string, http: string): string {
  const path = join(folder, `nginx-${name}.conf`)
  const text = `
worker_processes 1; daemon off; master_process off; pid ${folder}/nginx-${name}.pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 1h; default_type application/json;
  large_client_header_buffers 4 16k; map_hash_bucket_size 2048;
${kinds.map((kind) => `  ${kind}_temp_path ${folder}/${name}-${kind};`).join('\n')}
${http}
}
`
  writeFileSync(path, text)
  return path
}

const upstream = (name: string, port: number) =>
  `  upstream ${name} { server 127.0.0.1:${port}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 1h; }`

/** Where the upstream listens, and whose token its other door lets in. */
export interface UpstreamOptions {
  readonly folder: string
  readonly port: number
  readonly auth: number
  readonly authorization: string
}

/** The upstream: a small answer from memory, 1 MB where the path ends in `/big`; at `auth`, 200 for one credential and 401 for others. */
export function upstreamFile({ folder, port, auth, authorization }: UpstreamOptions): string {
  return write(
    folder,
    `upstream-${port}`,
    `
  map $http_authorization $known { default 0; "${authorization}" 1; }
  server {
    listen 127.0.0.1:${port};
    location / { return 200 '{"items":[1,2,3],"from":"memory"}'; }
    location ~ /big$ { alias ${folder}/big; }
  }
  server { listen 127.0.0.1:${auth}; location / { if ($known = 0) { return 401; } return 200; } }`,
  )
}

/** A plain proxy. */
export function plainFile(folder: string, port: number, target: Upstream): string {
  return write(
    folder,
    `plain-${port}`,
    `${upstream('service', target.port)}
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://service; ${kept} } }`,
  )
}

/** A plain proxy that lets WebSockets through. */
export function webSocketFile(folder: string, port: number, target: Upstream): string {
  return write(
    folder,
    `websocket-${port}`,
    `
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${target.port}; proxy_http_version 1.1; proxy_read_timeout 1h;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }
  }`,
  )
}

/** A proxy that asks a service whether the credential is good, and remembers its answer for a minute. */
export function authRequestFile(folder: string, port: number, target: Upstream & { readonly auth: number }): string {
  return write(
    folder,
    `auth-${port}`,
    `${upstream('service', target.port)}
${upstream('auth', target.auth)}
  proxy_cache_path ${folder}/nginx-answers keys_zone=answers:10m max_size=100m;
  server {
    listen 127.0.0.1:${port};
    location / { auth_request /_auth; proxy_pass http://service; ${kept} }
    location = /_auth {
      internal; proxy_pass http://auth; ${kept} proxy_pass_request_body off; proxy_set_header Content-Length "";
      proxy_cache answers; proxy_cache_key $http_authorization; proxy_cache_valid 200 1m;
    }
  }`,
  )
}
