/**
 * The admin listener: what is in force, for operators on the machine itself.
 *
 * It shows names and rules, never values of the file that could hold a secret.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

import type { RouteConfig } from '#config/config.ts'
import { refuse } from '#http/respond.ts'
import { deny } from '#request/verdict.ts'
import { newRequestId } from '#telemetry/trace.ts'

import type { Versions } from './versions.ts'

/** Makes the handler: `GET /config`. */
export function createAdmin(path: string, versions: Pick<Versions, 'config' | 'generation'>) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const request_id = newRequestId()
    if (request.url !== '/config') return refuse(response, deny('route_unknown', 'no such page'), { request_id })
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return refuse(response, deny('method_not_allowed', 'admin', { Allow: 'GET, HEAD' }), { request_id })

    const { generation, config } = versions
    const body = JSON.stringify({ generation, file: path, routes: config.routes.map(shown) }, null, 2)
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(`${body}\n`)
  }
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
