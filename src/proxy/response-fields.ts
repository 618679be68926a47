/**
 * What of an upstream's answer reaches the client (RFC 9110 §7.6.1): everything but what concerns its connection,
 * and the names that the gateway alone may speak.
 *
 * @module
 */
import type { IncomingHttpHeaders } from 'node:http'

import { hopByHop } from '#request/fields.ts'

/** Names and values in turn; repeated fields have a list of values. */
export type Fields = (string | string[])[]

/** Whether a field, by its lower-case name, is kept from clients. */
export type DropField = (name: string) => boolean

/** What the route and the decision say of an answer's fields. */
export interface AnswerRules {
  /** Names that upstreams may not speak to clients. */
  readonly dropResponse: DropField
  /** True when the answer was given to a proved identity. */
  readonly personal: boolean
  /** Names and values in turn, added to the answer. */
  readonly responseHeaders: readonly string[]
}

/** Fields that a trailer section must not change (RFC 9110 §6.5.1). */
const neverTrailers: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'host',
  'location',
  'set-cookie',
  'www-authenticate',
])
const commonOptions: ReadonlySet<unknown> = new Set([undefined, 'keep-alive', 'close', 'Keep-Alive', 'Close'])

/** Fields of the final answer to one caller's request: shared caches are kept from what only that caller may see. */
export function answerFields(
  headers: IncomingHttpHeaders,
  { dropResponse, personal, responseHeaders }: AnswerRules,
  trailers = false,
): Fields {
  if (personal) headers['cache-control'] = keptPrivate(headers['cache-control'])
  const fields = responseFields(headers, dropResponse, trailers)
  if (responseHeaders.length > 0) fields.push(...responseHeaders)
  return fields
}

/** Fields of an answer. */
export function responseFields(headers: IncomingHttpHeaders, drop: DropField, trailers = false): Fields {
  const named = commonOptions.has(headers.connection) ? undefined : connectionOptions(headers.connection)
  const fields: Fields = []
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || drop(name) || named?.has(name) === true) continue
    if (hopByHop.has(name) && !(trailers && name === 'trailer')) continue
    fields.push(name, value)
  }
  return fields
}

/** Directives by which a service has said itself whether shared caches may keep an answer (RFC 9111 §5.2.2). */
const sharing = /(?:^|[\s,])(?:public|s-maxage|private|no-store)(?=[\s,=]|$)/i

/**
 * `Cache-Control` of an answer that was given to a proved identity: `private` joins what the service says,
 * unless that speaks of shared caches already. They keep no answer to a request with `Authorization` (RFC 9111 §3.5),
 * but know nothing of cookies and API keys.
 */
export function keptPrivate(said: string | string[] | undefined): string {
  const directives = Array.isArray(said) ? said.join(', ') : (said ?? '')
  if (directives === '') return 'private'
  return sharing.test(directives) ? directives : `${directives}, private`
}

/** Why an answer cannot be passed on whole, though it is well-formed; undefined for nearly all. */
export function faultOf(status: number, headers: IncomingHttpHeaders): string | undefined {
  if (status === 101) return '101 to a request without upgrade'
  const coding = headers['transfer-encoding']
  if (coding === undefined || coding.toLowerCase() === 'chunked') return undefined
  return 'a transfer coding other than chunked, which ends at us'
}

/** Nothing holds 1xx answers back while the client does not read; no service sends as many. */
export const MOST_INTERIM = 32

/** Fields of a 1xx answer, which has no body and so no length (RFC 9110 §8.6). */
export function interimFields(headers: IncomingHttpHeaders, drop: DropField): string[] {
  const fields = responseFields(headers, (name) => name === 'content-length' || drop(name))
  return fields.flatMap((values, index) => {
    const name = fields[index - 1]
    if (index % 2 === 0 || typeof name !== 'string') return []
    return [values].flat().flatMap((value) => [name, value])
  })
}

/** Fields of a trailer section. */
export function trailerFields(trailers: IncomingHttpHeaders, drop: DropField): [string, string][] {
  return Object.entries(trailers).flatMap(([name, value]) => {
    if (value === undefined || drop(name) || hopByHop.has(name) || neverTrailers.has(name)) return []
    return (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, one])
  })
}

/** True for server-sent events, which may pause for as long as they like. */
export function isEventStream(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.startsWith('text/event-stream') === true
}

function connectionOptions(value: string | string[] | undefined): ReadonlySet<string> {
  const options = [value ?? []].flat().join(',').toLowerCase().split(',')
  return new Set(options.map((option) => option.trim()))
}
