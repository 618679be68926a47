/**
 * Matching: which route answers a request.
 *
 * Host first (exact, then the longest wildcard, then any), in it the most specific path (leftmost literal, then
 * parameter, then `**`), on it method and headers. What the most specific path refuses is refused: never is
 * a less specific path asked, whose rules were written for something else.
 *
 * A node of the trie stands at one depth, so a request visits it once at most, and only below segments that fit:
 * a path, however long and hostile, costs no more than the depth and the branches of the table.
 *
 * @module
 */
import { header, headerValues, type Incoming } from '#request/incoming.ts'
import { deny, type Verdict } from '#request/verdict.ts'

import type { Choice, Endpoint, Matched } from './endpoint.ts'
import { routingForm } from './pattern.ts'
import type { PathNode, Table } from './table.ts'

const MOST_HOST = 253 // RFC 1035 §2.3.4: no longer name has labels worth trying
const unknownPath = deny('route_unknown', 'no route for this host and path')
const unknownHeaders = deny('route_unknown', 'no route of this path accepts these headers')

type Met = (request: Incoming, name: string, value: string) => boolean

/**
 * Finds the route of a request.
 *
 * @denies route_unknown when no path matches, or none of its routes accepts the headers
 * @denies method_not_allowed with `Allow` when the path is known for other methods only
 * @denies encoded_path when the path holds what the route does not list in `allow_encoded`
 */
export function match<R>(table: Table<R>, request: Incoming): Verdict<Matched<R>> {
  return find(table, request, request.method, carries)
}

/**
 * Finds the route that the request announced by a CORS preflight would meet: the method is
 * `Access-Control-Request-Method`, and a header condition is met when its header is announced.
 *
 * @denies as `match`
 */
export function matchPreflight<R>(table: Table<R>, request: Incoming): Verdict<Matched<R>> {
  return find(table, request, header(request, 'access-control-request-method') ?? '', announces)
}

function find<R>(table: Table<R>, request: Incoming, method: string, met: Met): Verdict<Matched<R>> {
  const { target } = request
  if (target.path === '*') return unknownPath
  const endpoint = locate(table, request.host, routingForm(target.match))
  if (endpoint === undefined) return unknownPath
  const choices = endpoint.methods.get(method) ?? endpoint.others
  if (choices.length === 0) return endpoint.method_not_allowed
  const choice = choose(choices, request, met)
  if (choice === undefined) return unknownHeaders
  for (const kind of target.encoded)
    if (!choice.allow_encoded.includes(kind)) return deny('encoded_path', `${kind} in path`)
  return choice.found
}

function locate<R>(table: Table<R>, host: string, path: string): Endpoint<R> | undefined {
  const exact = table.exact.get(host)
  const found = (exact && descend(exact, path, 1)) ?? inWildcards(table.wildcards, host, path)
  return found ?? descend(table.any, path, 1)
}

function inWildcards<R>(wildcards: Table<R>['wildcards'], host: string, path: string): Endpoint<R> | undefined {
  if (wildcards.size === 0 || host.length > MOST_HOST) return undefined
  for (let dot = host.indexOf('.', 1); dot !== -1; dot = host.indexOf('.', dot + 1)) {
    const root = wildcards.get(host.slice(dot))
    const found = root && descend(root, path, 1)
    if (found !== undefined) return found
  }
  return undefined
}

/** @param from where in `path` the next segment starts; past its end when none is left */
function descend<R>(node: PathNode<R>, path: string, from: number): Endpoint<R> | undefined {
  if (from > path.length) return node.end ?? node.rest
  const slash = path.indexOf('/', from)
  const to = slash === -1 ? path.length : slash
  const literal = node.literals.get(path.slice(from, to))
  const found = literal && descend(literal, path, to + 1)
  if (found !== undefined) return found
  const { param } = node
  return (param && to > from ? descend(param, path, to + 1) : undefined) ?? node.rest
}

function choose<R>(choices: readonly Choice<R>[], request: Incoming, met: Met): Choice<R> | undefined {
  for (const choice of choices) if (choice.conditions.every(([name, value]) => met(request, name, value))) return choice
  return undefined
}

/** A header sent twice means two things: it meets no condition. */
function carries(request: Incoming, name: string, value: string): boolean {
  return header(request, name) === value && request.names.indexOf(name) === request.names.lastIndexOf(name)
}

function announces(request: Incoming, name: string): boolean {
  const announced = headerValues(request, 'access-control-request-headers').join(',').toLowerCase().split(',')
  return announced.some((one) => one.trim() === name)
}
