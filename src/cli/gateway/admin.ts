/**
 * The admin listener: what is in force, for operators on the machine itself.
 *
 * It shows names and rules, never values of the file that could hold a secret. It answers to addresses and `localhost` alone:
 * a page whose name was made to resolve to this machine (DNS rebinding) asks under that name.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'

import type { RouteConfig } from '#config/config.ts'
import { refuse } from '#http/respond.ts'
import { hostname, isAuthority } from '#request/admit.ts'
import { deny, type Deny } from '#request/verdict.ts'
import { newRequestId } from '#telemetry/trace.ts'
import { isLoopback } from '#values/network.ts'

import type { Versions } from './versions.ts'

/** Makes the handler: `GET /config`. */
export function createAdmin(path: string, versions: Pick<Versions, 'config' | 'generation'>) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const refusal = refusalOf(request)
    if (refusal !== undefined) return refuse(response, refusal, { request_id: newRequestId() })
    const { generation, config } = versions
    const body = JSON.stringify({ generation, file: path, routes: config.routes.map(shown) }, null, 2)
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(`${body}\n`)
  }
}

function refusalOf({ headers, url, method }: IncomingMessage): Deny | undefined {
  if (!isAddressed(headers.host ?? '')) return deny('host_invalid', 'neither an address nor localhost')
  if (url !== '/config') return deny('route_unknown', 'no such page')
  if (method !== 'GET' && method !== 'HEAD') return deny('method_not_allowed', 'admin', { Allow: 'GET, HEAD' })
  return undefined
}

function isAddressed(authority: string): boolean {
  if (!isAuthority(authority)) return false
  const host = hostname(authority).replace(/^\[(.*)\]$/, '$1')
  return isIP(host) !== 0 || isLoopback(host)
}

function shown(route: RouteConfig) {
  const { name, host, path, methods, upstream, authenticate, require: required, mode, limits } = route
  const open = { public: route.public, optional: route.optional }
  return {
    name,
    host,
    path,
    methods,
    upstream,
    ...open,
    authenticate,
    require: required,
    mode,
    limits: limits.map((limit) => limit.name),
  }
}
