/**
 * The header firewall: which of a client's headers a service gets to see.
 *
 * Runs on every route, public ones too, and before anything of ours is added: what a `Connection` header of the
 * client names can therefore never take away a header of ours (CVE-2021-32813, CVE-2024-45410, CVE-2026-33805).
 *
 * @module
 */
import { collapse, hopByHop, lowerName, perSpelling } from '#request/fields.ts'
import type { Incoming } from '#request/incoming.ts'

import type { ManagedTest } from './managed.ts'

/** Where credentials sit: every authenticator's, not only those of one route. */
export interface CredentialPlaces {
  /** Lower-case header names. */
  readonly headers: readonly string[]
  /** Cookie names. */
  readonly cookies: readonly string[]
}

export interface FirewallOptions {
  readonly isManaged: ManagedTest
  readonly credentials: CredentialPlaces
  /** True when the service gets the client's credential too. */
  readonly forward_credential: boolean
}

/** Gives the names and values in turn that may go on, spelled and ordered as the client did. */
export type Firewall = (request: Incoming) => string[]

type Treatment = 'keep' | 'drop' | 'connection' | 'cookie'

/** Framed, named and awaited anew on the way to the service; `Via` would only tell where a client claims to have been. */
const ours = ['host', 'content-length', 'expect', 'via']

const MOST_SPELLINGS = 256 // every route has a firewall, and few spellings are in use

/** Builds the firewall of a route. */
export function createFirewall({ isManaged, credentials, forward_credential }: FirewallOptions): Firewall {
  const secret = ['authorization', ...credentials.headers].map((name) => name.toLowerCase())
  const kept = new Set(forward_credential ? [...secret, 'cookie'] : ['cookie'])
  const unwanted = new Set([...hopByHop, ...ours, ...secret, 'cookie'].map(collapse))
  const cookies = forward_credential ? [] : credentials.cookies

  const treatment = perSpelling<Treatment>((lower) => {
    const collapsed = collapse(lower)
    if (lower === 'connection') return 'connection'
    if (isManaged(collapsed)) return 'drop'
    if (lower === 'cookie' && cookies.length > 0) return 'cookie'
    return unwanted.has(collapsed) && !kept.has(lower) ? 'drop' : 'keep'
  }, MOST_SPELLINGS)

  return ({ names, values, raw }) => {
    const going: string[] = []
    let named: Set<string> | undefined
    for (let index = 0; index < names.length; index += 1) {
      const treated = treatment(names[index] ?? '') // the lower-case name is one object for all requests: found sooner than a new one
      if (treated === 'drop') continue
      const name = raw[index * 2] ?? ''
      const value = values[index] ?? ''
      if (treated === 'keep') going.push(name, value)
      else if (treated === 'connection') named = withTokens(named, value)
      else if (treated === 'cookie') pushCookies(going, name, value, cookies)
    }
    return named === undefined ? going : withoutNamed(going, named)
  }
}

const harmless = /^(?:keep-alive|close)?$/i

/** Collects what `Connection` lines name (RFC 9110 §7.6.1). */
function withTokens(named: Set<string> | undefined, value: string): Set<string> | undefined {
  if (value === 'keep-alive' || harmless.test(value)) return named
  const tokens = named ?? new Set()
  for (const token of value.split(',')) tokens.add(token.trim().toLowerCase())
  return tokens
}

function withoutNamed(pairs: readonly string[], named: ReadonlySet<string>): string[] {
  return pairs.filter((_, index) => !named.has(lowerName(pairs[index - (index % 2)] ?? '')))
}

/** Takes the pairs of some cookies out of a `Cookie` header; every other byte stays, and nothing when no pair does. */
function pushCookies(going: string[], name: string, header: string, cookies: readonly string[]): void {
  if (!cookies.some((cookie) => header.includes(cookie))) {
    going.push(name, header)
    return
  }
  const pairs = header.split(';')
  const others = pairs.filter((pair) => !cookies.some((cookie) => isPairOf(cookie, pair)))
  if (others.length === pairs.length) going.push(name, header)
  else if (others.length > 0) going.push(name, others.join(';').trimStart())
}

function isPairOf(cookie: string, pair: string): boolean {
  const equals = pair.indexOf('=')
  return equals !== -1 && pair.slice(0, equals).trim() === cookie
}
