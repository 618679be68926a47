/**
 * Who is compared: each an ordinary reverse proxy before a recording service of its own, with `/admin` closed to strangers.
 *
 * nginx and HAProxy are set up as their manuals do it for a service behind them, WebSockets included:
 * nothing is there to refuse more, or less.
 *
 * @module
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { fixed } from '../../test/support/answers.ts'
import { serve } from '../../test/support/gateway.ts'
import { eventually, freePort, kill, output, start } from '../../test/support/processes.ts'
import { newSigner } from '../../test/support/tokens.ts'
import { startUpstream, type Upstream } from '../../test/support/upstream.ts'

export interface Peer {
  readonly title: string
  readonly port: number
  readonly upstream: Upstream
  stop(): Promise<void>
}

const NGINX = '/usr/sbin/nginx'
const HAPROXY = '/usr/sbin/haproxy'

/** Programs that a comparison needs. */
export const programs = [NGINX, HAPROXY]

/** Starts all of them, Heimdall first. */
export async function startPeers(): Promise<Peer[]> {
  const missing = programs.filter((program) => !existsSync(program))
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}`)
  return [await startHeimdall(), await startNginx(), await startHaproxy()]
}

const record = () => startUpstream(fixed(200, 'service'))

async function startHeimdall(): Promise<Peer> {
  const upstream = await record()
  const keys = JSON.stringify({ keys: [newSigner('ES256', 'attack').jwk] })
  const gateway = await serve(
    `
version: 1
listen: 127.0.0.1:0
probes: 127.0.0.1:0
grace: 500ms
accept_risk: [public_by_default]
upstreams: { service: { targets: ["${upstream.url}"], breaker: { of_at_least: 1000000 } } }
authenticators: { acme: { jwt: { issuer: "https://id.test", audience: attack, jwks_file: jwks.json } } }
defaults: { upstream: service }
routes:
  - { path: "/**", public: true }
  - { path: "/admin/**", authenticate: [acme] }
`,
    { files: { 'jwks.json': keys } },
  )
  const stop = async () => {
    await gateway.end()
    await upstream.close()
  }
  return { title: 'Heimdall', port: gateway.port, upstream, stop }
}

const nginxConf = (folder: string, port: number, service: number) => `
worker_processes 1; daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log crit;
events { worker_connections 256; }
http {
  access_log off;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `  ${kind}_temp_path ${folder}/${kind};`).join('\n')}
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${service};
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
    location = /admin { return 401; }
    location /admin/ { return 401; }
  }
}
`

const haproxyConf = (port: number, service: number) => `
global
  nbthread 1
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 1s
  option forwardfor
frontend listen
  bind 127.0.0.1:${port}
  http-request deny deny_status 401 if { path /admin } or { path_beg /admin/ }
  default_backend service
backend service
  server one 127.0.0.1:${service}
`

function startNginx(): Promise<Peer> {
  const title = /nginx\/[\d.]+/.exec(output('/bin/sh', ['-c', `${NGINX} -v 2>&1`]))?.[0].replace('/', ' ') ?? 'nginx'
  return startProgram(title, (folder, port, service) => {
    writeFileSync(join(folder, 'nginx.conf'), nginxConf(folder, port, service))
    return [NGINX, '-c', join(folder, 'nginx.conf')]
  })
}

function startHaproxy(): Promise<Peer> {
  const version = /version [\d.]+/.exec(output(HAPROXY, ['-v']))?.[0].slice(8) ?? ''
  return startProgram(`HAProxy ${version}`, (folder, port, service) => {
    writeFileSync(join(folder, 'haproxy.cfg'), haproxyConf(port, service))
    return [HAPROXY, '-db', '-f', join(folder, 'haproxy.cfg')]
  })
}

type Prepare = (folder: string, port: number, service: number) => readonly [string, ...string[]]

async function startProgram(title: string, prepare: Prepare): Promise<Peer> {
  const upstream = await record()
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-attack-'))
  const port = await freePort()
  const [program, ...args] = prepare(folder, port, upstream.port)
  const child = start(program, args)
  const stop = async () => {
    await kill(child)
    await upstream.close()
    rmSync(folder, { recursive: true, force: true })
  }
  await eventually(`${title} listens`, () => listens(port)).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return { title, port, upstream, stop }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
