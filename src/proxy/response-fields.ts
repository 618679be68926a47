/**
 * What of an upstream's answer reaches the client (RFC 9110 §7.6.1): everything but what concerns its connection,
 * and the names that the gateway alone may speak.
 *
 * @module
 */
import { hopByHop } from '#request/fields.ts'
import type { Fields } from '#upstream/answer-head.ts'

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

/** Fields of the final answer to one caller's request: shared caches are kept from what only that caller may see. */
export function answerFields(
  fields: Fields,
  { dropResponse, personal, responseHeaders }: AnswerRules,
  trailers = false,
): Fields {
  const kept = responseFields(fields, dropResponse, trailers)
  if (personal) keepPrivate(kept)
  for (const one of responseHeaders) kept.push(one)
  return kept
}

/** Fields of an answer. */
export function responseFields(fields: Fields, drop: DropField, trailers = false): Fields {
  const named = connectionOptions(fields)
  const kept: Fields = []
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    if (drop(name) || named?.has(name) === true) continue
    if (hopByHop.has(name) && !(trailers && name === 'trailer')) continue
    kept.push(name, fields[index + 1] ?? '')
  }
  return kept
}

/** The fields that node:http has read, their names in lower case. */
export function lowered(rawHeaders: readonly string[]): Fields {
  return rawHeaders.map((one, index) => (index % 2 === 0 ? one.toLowerCase() : one))
}

/** All fields but those of this name. */
export function without(fields: Fields, name: string): Fields {
  return fields.filter((_, index) => fields[index - (index % 2)] !== name)
}

function valuesOf(fields: Fields, name: string): string[] {
  return fields.filter((_, index) => index % 2 === 1 && fields[index - 1] === name)
}

/** Directives by which a service has said itself whether shared caches may keep an answer (RFC 9111 §5.2.2). */
const sharing = /(?:^|[\s,])(?:public|s-maxage|private|no-store)(?=[\s,=]|$)/i

/**
 * `Cache-Control` of an answer that was given to a proved identity: `private` joins what the service says,
 * unless that speaks of shared caches already. They keep no answer to a request with `Authorization` (RFC 9111 §3.5),
 * but know nothing of cookies and API keys.
 */
export function keptPrivate(said: readonly string[]): string {
  const directives = said.join(', ')
  if (directives === '') return 'private'
  return sharing.test(directives) ? directives : `${directives}, private`
}

function keepPrivate(fields: Fields): void {
  const first = fields.indexOf('cache-control')
  if (first === -1 || first % 2 === 1 || fields.includes('cache-control', first + 2)) {
    const value = keptPrivate(valuesOf(fields, 'cache-control'))
    const others = without(fields, 'cache-control')
    fields.splice(0, fields.length, ...others, 'cache-control', value)
  } else fields[first + 1] = keptPrivate([fields[first + 1] ?? ''])
}

/** Nothing holds 1xx answers back while the client does not read; no service sends as many. */
export const MOST_INTERIM = 32

/** Fields of a 1xx answer, which has no body and so no length (RFC 9110 §8.6). */
export function interimFields(fields: Fields, drop: DropField): Fields {
  return responseFields(fields, (name) => name === 'content-length' || drop(name))
}

/** Fields of a trailer section. */
export function trailerFields(trailers: Fields, drop: DropField): [string, string][] {
  const kept: [string, string][] = []
  for (let index = 0; index < trailers.length; index += 2) {
    const name = trailers[index] ?? ''
    if (drop(name) || hopByHop.has(name) || neverTrailers.has(name)) continue
    kept.push([name, trailers[index + 1] ?? ''])
  }
  return kept
}

/** True for server-sent events, which may pause for as long as they like. */
export function isEventStream(fields: Fields): boolean {
  return valuesOf(fields, 'content-type')[0]?.startsWith('text/event-stream') === true
}

/** What the service names as belonging to its connection; undefined when that is nothing but the usual. */
function connectionOptions(fields: Fields): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1] ?? ''
    if (fields[index] !== 'connection' || value === 'keep-alive' || value === 'close') continue
    named ??= new Set()
    for (const option of value.toLowerCase().split(',')) named.add(option.trim())
  }
  return named
}
