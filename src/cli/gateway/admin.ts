/**
 * The admin listener: what is in force and what it costs, for operators on the machine itself.
 *
 * It shows names and rules, never values of the file that could hold a secret. It answers to addresses and `localhost` alone:
 * a page whose name was made to resolve to this machine (DNS rebinding) asks under that name. A page that asks under
 * another name cannot read answers, and what takes time is refused to it: browsers say where a POST comes from.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'

import type { RouteConfig } from '#config/config.ts'
import { refuse } from '#http/respond.ts'
import { hostname, isAuthority } from '#request/admit.ts'
import { deny, type Deny, type Eventually } from '#request/verdict.ts'
import type { Logger } from '#telemetry/log.ts'
import { newRequestId } from '#telemetry/trace.ts'
import { isLoopback } from '#values/network.ts'

import { createProfilePage } from './profile-page.ts'
import type { Profile } from './profiler.ts'
import type { Versions } from './versions.ts'

type Page = (request: IncomingMessage, response: ServerResponse) => Eventually<void>

export interface AdminDeps {
  /** The file. */
  readonly path: string
  readonly versions: Pick<Versions, 'config' | 'generation'>
  readonly profile: Profile
  readonly log: Logger
}

/** Makes the handler: `GET /config` and `POST /profile`. */
export function createAdmin({ path, versions, profile, log }: AdminDeps): Page {
  const takeProfile = createProfilePage(profile, log)
  const showConfig: Page = (_, response) => {
    const { generation, config } = versions
    const body = JSON.stringify({ generation, file: path, routes: config.routes.map(shown) }, null, 2)
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(`${body}\n`)
  }

  return (request, response) => {
    const refusal = refusalOf(request)
    if (refusal !== undefined) return refuse(response, refusal, { request_id: newRequestId() })
    return pathOf(request) === '/config' ? showConfig(request, response) : takeProfile(request, response)
  }
}

const pages: ReadonlyMap<string | undefined, string> = new Map([
  ['/config', 'GET, HEAD'],
  ['/profile', 'POST'],
])

function refusalOf(request: IncomingMessage): Deny | undefined {
  const { headers, method = '' } = request
  if (!isAddressed(headers.host ?? '')) return deny('host_invalid', 'neither an address nor localhost')
  const methods = pages.get(pathOf(request))
  if (methods === undefined) return deny('route_unknown', 'no such page')
  if (!methods.split(', ').includes(method)) return deny('method_not_allowed', 'admin', { Allow: methods })
  if (method === 'POST' && headers.origin !== undefined) return deny('origin_denied', 'a page of a browser asks')
  return undefined
}

function pathOf({ url }: IncomingMessage): string | undefined {
  return url?.split('?', 1)[0]
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
