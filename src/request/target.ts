/**
 * The request target (RFC 9112 §3.2), read once and strictly; every later stage uses this one object.
 *
 * What is decided on is what is sent: `origin` goes upstream byte for byte, and whatever an upstream might
 * normalise into another path (dot segments, `//`, backslashes) is refused instead of being cleaned up.
 *
 * @module
 */
import { deny, pass, type Verdict } from './verdict.ts'

/** Escapes and delimiters that services disagree about; a route must allow them by name. */
export const encodedKinds = ['slash', 'backslash', 'null', 'control', 'semicolon'] as const
export type EncodedKind = (typeof encodedKinds)[number]

export interface Target {
  /** Path and query as received: what goes upstream, but for `strip_prefix` and `rewrite`. */
  readonly origin: string
  /** Path as received. */
  readonly path: string
  /** Path with the escapes of unreserved characters decoded and the others in upper case (RFC 3986 §6.2.2): what routes are matched on. */
  readonly match: string
  /** With its `?`, or empty. */
  readonly query: string
  /** The doubtful parts that are present; empty for almost every request. */
  readonly encoded: readonly EncodedKind[]
}

/** `OPTIONS *` (RFC 9112 §3.2.4): about the gateway itself. */
export const asterisk: Target = { origin: '*', path: '*', match: '*', query: '', encoded: [] }

/** Segments of ordinary characters, none empty but the last, none that begins with a dot. */
const plainPath = /^(?=\/)(?:\/[\w\-~!$&'()*+,=:@][\w\-.~!$&'()*+,=:@]*)*\/?$/
const visible = /^[\x21\x22\x24-\x7e]*$/ // all of visible ASCII but `#`
const brokenEscape = /%(?![0-9a-f]{2})/i
// Long ways of writing `.` and `/` in UTF-8, also broken ones, which some decoders take.
const overlong = /%c[01](?:%[89ab]|\.|%2[ef]|%5c)|%(?:e0%[89]|f[08c]%8)[0-9a-f]/i
const absolute = /^https?:\/\/([^/?#@\\]+)(|[/?].*)$/i
const nothing: readonly EncodedKind[] = []

const doubtful: readonly (readonly [EncodedKind, RegExp])[] = [
  ['slash', /%2f/i],
  ['backslash', /%5c/i],
  ['null', /%00/],
  ['control', /%(?:0[1-9a-f]|1[0-9a-f]|7f)/i],
  ['semicolon', /;|%3b/i],
]

/**
 * Reads the target of a request line.
 *
 * @param authority the `Host` header, which an absolute-form target must repeat
 * @denies target_invalid for everything that could be understood in two ways
 */
export function parseTarget(method: string, raw: string, authority: string): Verdict<Target> {
  if (raw === '*')
    return method === 'OPTIONS' ? pass(asterisk) : deny('target_invalid', '`*` with another method than OPTIONS')
  if (raw.charCodeAt(0) === 0x2f) return parseOrigin(raw)

  const [, host, rest = ''] = absolute.exec(raw) ?? []
  if (host === undefined) return deny('target_invalid', 'neither origin-form nor absolute-form')
  if (host.toLowerCase() !== authority.toLowerCase()) return deny('target_invalid', 'absolute-form for another host')
  return parseOrigin(rest.startsWith('/') ? rest : `/${rest}`)
}

/**
 * Reads a target in origin-form; also used on the outcome of `strip_prefix` and `rewrite`.
 *
 * @denies target_invalid as `parseTarget`
 */
export function parseOrigin(origin: string): Verdict<Target> {
  const mark = origin.indexOf('?')
  const path = mark === -1 ? origin : origin.slice(0, mark)
  const query = mark === -1 ? '' : origin.slice(mark)
  if (query !== '' && !visible.test(query)) return deny('target_invalid', 'illegal character in query')
  if (plainPath.test(path)) return pass({ origin, path, match: path, query, encoded: nothing })
  return parseUnusualPath(origin, path, query)
}

function parseUnusualPath(origin: string, path: string, query: string): Verdict<Target> {
  if (path.includes('//')) return deny('target_invalid', 'empty segment in path')
  if (!path.startsWith('/') || !visible.test(path)) return deny('target_invalid', 'illegal character in path')
  if (path.includes('\\')) return deny('target_invalid', 'backslash in path')
  if (brokenEscape.test(path)) return deny('target_invalid', 'broken escape in path')
  if (overlong.test(path)) return deny('target_invalid', 'overlong UTF-8 in path')

  const match = decodeUnreserved(path)
  if (hasDotSegment(match)) return deny('target_invalid', 'dot segment in path')
  const encoded = doubtful.filter(([, pattern]) => pattern.test(match)).map(([kind]) => kind)
  return pass({ origin, path, match, query, encoded })
}

/** Decodes `%41` to `A`, once: escapes of reserved characters, and `%25` above all, stay, with their digits in upper case. */
function decodeUnreserved(path: string): string {
  return path.replaceAll(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16))
    return /[\w\-.~]/.test(character) ? character : escape.toUpperCase()
  })
}

/**
 * Finds `.` and `..`, also between encoded delimiters, before path parameters (`/..;a=b/`) and before any escape of ASCII:
 * `..%23` ends at the `#` for who decodes too early, `..%252f` for who decodes twice, and some systems take `..%20` for `..`.
 */
function hasDotSegment(path: string): boolean {
  return path.split(/\/|%2f|%5c/i).some((segment) => /^\.{1,2}(?:;.*|%[0-7].*)?$/.test(segment))
}
