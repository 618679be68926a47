/**
 * Patterns: the paths and hosts of routes as the file writes them.
 *
 * A literal must be a path that admission accepts, and is compared in one form (`routingForm`), whatever
 * the escapes it was written with: else a route could not be reached, or be walked around by spelling it otherwise.
 *
 * @module
 */
import { isIPv6 } from 'node:net'

import { type EncodedKind, parseOrigin } from '#request/target.ts'

export type Segment =
  | {
      readonly kind: 'literal'
      /** In routing form: what is compared. */
      readonly text: string
      /** As in the file: what `rewrite` sends. */
      readonly written: string
    }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'rest' }

export interface Pattern {
  readonly segments: readonly Segment[]
  /** The same for patterns that match the same paths, whatever their parameters are called. */
  readonly shape: string
  /** Doubtful parts of the literals: such a path can only be met where `allow_encoded` names them. */
  readonly encoded: readonly EncodedKind[]
}

const REST: Segment = { kind: 'rest' }
const paramPattern = /^\{([A-Za-z_]\w*)\}$/

/**
 * Parses a path such as `/api/orders/{id}/**`: `{name}` is one non-empty segment, a last `**` zero or more.
 *
 * @returns the pattern, or what is wrong with it
 */
export function parsePattern(text: string): Pattern | string {
  if (!text.startsWith('/')) return 'must start with `/`'
  if (text.includes('?')) return 'must be a path without a query'
  const written = text.slice(1).split('/')
  const segments: Segment[] = []
  for (const [index, segment] of written.entries()) {
    const parsed = parseSegment(segment, index === written.length - 1)
    if (typeof parsed === 'string') return parsed
    segments.push(parsed)
  }
  const names = segments.flatMap((segment) => (segment.kind === 'param' ? [segment.name] : []))
  if (new Set(names).size < names.length) return 'uses the name of a parameter twice'

  const sample = segments.map((segment) => (segment.kind === 'literal' ? segment.written : 'x'))
  const admitted = parseOrigin(`/${sample.join('/')}`)
  if (admitted.kind === 'deny') return `could never be requested: ${admitted.note}`
  return { segments, shape: segments.map(shapeOf).join('/'), encoded: admitted.value.encoded }
}

function parseSegment(text: string, last: boolean): Segment | string {
  if (text === '**') return last ? REST : '`**` must be the last segment'
  const [, name] = paramPattern.exec(text) ?? []
  if (name !== undefined) return { kind: 'param', name }
  if (/[{}]/.test(text)) return `a parameter is a whole segment such as {id}, not \`${text}\``
  if (text.includes('*')) return `\`*\` is no wildcard: write {name} for one segment, a last ** for any number`
  return { kind: 'literal', text: routingForm(decodeUnreserved(text)), written: text }
}

/** `?` stands in no path, so a shape cannot be mistaken for a literal. */
function shapeOf(segment: Segment): string {
  if (segment.kind === 'literal') return segment.text
  return segment.kind === 'param' ? '?' : '??'
}

function decodeUnreserved(literal: string): string {
  const admitted = parseOrigin(`/${literal}`)
  return admitted.kind === 'pass' ? admitted.value.match.slice(1) : literal
}

/**
 * Brings `Target.match` into the form that is compared: escapes of characters that mean the same when escaped
 * (`%40`, `%2B`) decoded, the hex digits of all others in upper case (RFC 3986 §6.2.2.1).
 * Delimiters that services disagree about (`/ \ ; % ? #`) stay escaped.
 */
export function routingForm(match: string): string {
  if (!match.includes('%')) return match
  return match.replaceAll(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return /[!-~]/.test(character) && !/[/\\;%?#]/.test(character) ? character : escape.toUpperCase()
  })
}

export interface HostPattern {
  /** Lower case, without trailing dot; of a wildcard what follows the star, `.example.com`. */
  readonly host: string
  readonly wildcard: boolean
}

const namePattern = /^(\*\.)?([\w-]+(?:\.[\w-]+)*)\.?$/

/**
 * Parses a host: a name, an address, `[::1]`, or `*.example.com` for one or more labels before it.
 *
 * @returns the pattern, or what is wrong with it
 */
export function parseHost(text: string): HostPattern | string {
  const lower = text.toLowerCase()
  if (lower.startsWith('[') && lower.endsWith(']') && isIPv6(lower.slice(1, -1)))
    return { host: lower, wildcard: false }
  if (/:\d+$/.test(lower)) return 'must be a host without port (an IPv6 address stands in brackets)'
  const [, star, name] = lower.length > 253 ? [] : (namePattern.exec(lower) ?? [])
  if (name === undefined) return 'must be a host such as api.example.com, *.example.com or [::1]'
  return star === undefined ? { host: name, wildcard: false } : { host: `.${name}`, wildcard: true }
}
