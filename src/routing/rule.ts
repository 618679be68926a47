/**
 * Rules: what routing needs to know of a route, and which routes compete.
 *
 * @module
 */
import type { EncodedKind } from '#request/target.ts'

import { parseHost, parsePattern, type Segment } from './pattern.ts'

export interface RouteRule<R> {
  readonly name: string
  readonly path: string
  /** Any host when absent. */
  readonly host?: string | readonly string[] | undefined
  /** Any method when absent. */
  readonly methods?: readonly string[] | undefined
  /** Headers that must be there once, with exactly this value. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly allow_encoded: readonly EncodedKind[]
  /** What a match hands on. */
  readonly route: R
}

/** Rules of one host and path: they are told apart by method and headers alone. */
export interface Sharing<R> {
  /** As `HostPattern.host`; undefined: any. */
  readonly host: string | undefined
  readonly segments: readonly Segment[]
  readonly rules: RouteRule<R>[]
}

/** Groups rules by host and path. A rule that does not parse is a defect: the file is checked before. */
export function groupRules<R>(rules: readonly RouteRule<R>[]): Sharing<R>[] {
  const groups = new Map<string, Sharing<R>>()
  for (const rule of rules) {
    const { shape, segments } = parsed(parsePattern(rule.path), rule)
    for (const host of hostsOf(rule)) {
      const key = `${host ?? ''}/${shape}`
      const group = groups.get(key) ?? { host, segments, rules: [] }
      group.rules.push(rule)
      groups.set(key, group)
    }
  }
  return [...groups.values()]
}

function hostsOf<R>(rule: RouteRule<R>): Set<string | undefined> {
  const hosts = typeof rule.host === 'string' ? [rule.host] : (rule.host ?? [undefined])
  return new Set(hosts.map((text) => (text === undefined ? undefined : parsed(parseHost(text), rule).host)))
}

function parsed<T, R>(outcome: T | string, rule: RouteRule<R>): T {
  if (typeof outcome === 'string') throw new RangeError(`route ${rule.name}: ${outcome}`)
  return outcome
}
