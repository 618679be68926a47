/**
 * Admission: one strict look at the request line and headers, before anything is decided on them.
 *
 * Node's parser is strict on framing but lets through what an identity proxy must not:
 * duplicate `Host` and `Authorization`, `gzip, chunked`, transfer codings on HTTP/1.0, odd versions and targets.
 *
 * @module
 */
import { isIPv6 } from 'node:net'

import { lowerName, perSpelling, singletons } from './fields.ts'
import type { Incoming, RawRequest } from './incoming.ts'
import { parseTarget } from './target.ts'
import { deny, pass, type Verdict } from './verdict.ts'

const MOST_HEADERS = 100
const Allow = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' // RFC 9110 §15.5.6; which of them depends on the route
const hostPattern = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[([0-9a-f:.]+)\])(?::(\d{1,5}))?$/i
const bodiless = pass(0)
const lengthPattern = /^(?:0|[1-9]\d{0,14})$/ // 15 digits: a number still tells each length from the next

interface Fields {
  readonly names: string[]
  readonly values: string[]
  authority: string | undefined
  coding: string | undefined
  length: string | undefined
}

/**
 * Admits a request or says why it could mean two things.
 *
 * @denies version_unsupported, method_not_allowed, headers_too_large, header_duplicate, host_invalid,
 *   framing_invalid, target_invalid
 */
export function admit(raw: RawRequest): Verdict<Incoming> {
  if (raw.version !== '1.1' && raw.version !== '1.0') return deny('version_unsupported', 'HTTP version')
  if (raw.method === 'TRACE' || raw.method === 'CONNECT') return deny('method_not_allowed', raw.method, { Allow })
  const fields = readFields(raw.headers)
  if (fields.kind === 'deny') return fields
  const { names, values, authority } = fields.value

  const host = authority === undefined ? MALFORMED : hostOf(authority)
  if (authority === undefined || host === MALFORMED) return deny('host_invalid', 'missing or malformed Host')
  const body = bodyLength(fields.value, raw.version)
  if (body.kind === 'deny') return body
  const target = parseTarget(raw.method, raw.url, authority)
  if (target.kind === 'deny') return target

  return pass({
    method: raw.method,
    target: target.value,
    authority,
    host,
    names,
    values,
    raw: raw.headers,
    peer: raw.peer,
    encrypted: raw.encrypted,
    body: body.value,
    legacy: raw.version === '1.0',
  })
}

function readFields(headers: readonly string[]): Verdict<Fields> {
  if (headers.length > 2 * MOST_HEADERS) return deny('headers_too_large', `${headers.length / 2} headers`)
  const fields: Fields = { names: [], values: [], authority: undefined, coding: undefined, length: undefined }
  const { names, values } = fields
  for (let index = 0; index < headers.length; index += 2) {
    const name = lowerName(headers[index] ?? '')
    const value = headers[index + 1] ?? ''
    if (singletons.has(name)) {
      if (names.includes(name)) return deny('header_duplicate', name)
      note(fields, name, value)
    }
    names.push(name)
    values.push(value)
  }
  return pass(fields)
}

function note(fields: Fields, name: string, value: string): void {
  if (name === 'host') fields.authority = value
  else if (name === 'transfer-encoding') fields.coding = value
  else if (name === 'content-length') fields.length = value
}

/** RFC 9112 §6.3, without its tolerance: exactly `chunked`, or one canonical length, never both, no coding on HTTP/1.0. */
function bodyLength({ coding, length }: Fields, version: string): Verdict<Incoming['body']> {
  if (coding !== undefined) {
    if (length !== undefined) return deny('framing_invalid', 'both Content-Length and Transfer-Encoding')
    if (version === '1.0') return deny('framing_invalid', 'Transfer-Encoding on HTTP/1.0')
    return coding.toLowerCase() === 'chunked'
      ? pass('chunked')
      : deny('framing_invalid', 'transfer coding other than chunked')
  }
  if (length === undefined) return bodiless
  return lengthPattern.test(length)
    ? pass(Number(length))
    : deny('framing_invalid', 'Content-Length is not a plain number')
}

/** True for `HOST` or `HOST:PORT` as a `Host` header may have it (RFC 9110 §7.2), less its rarities such as `%` and `!`. */
export function isAuthority(text: string): boolean {
  const [whole, ipv6, port = '0'] = hostPattern.exec(text) ?? []
  return whole !== undefined && Number(port) <= 65_535 && (ipv6 === undefined || isIPv6(ipv6))
}

const MALFORMED = ''
/** The host that an authority names; `MALFORMED` for what is none. A service has few names, so few are looked at twice. */
const hostOf = perSpelling((authority) => (isAuthority(authority) ? hostname(authority) : MALFORMED))

/** Takes port and trailing dot off and folds the case (RFC 3986 §3.2.2). */
export function hostname(authority: string): string {
  const lower = authority.toLowerCase()
  const colon = lower.endsWith(']') ? -1 : lower.lastIndexOf(':')
  const host = colon === -1 ? lower : lower.slice(0, colon)
  return host.endsWith('.') ? host.slice(0, -1) : host
}
