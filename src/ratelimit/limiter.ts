/**
 * A limiter: one limit, compiled, with its counters at hand.
 *
 * @module
 */
import { hash } from 'node:crypto'

import type { Principal } from '#request/principal.ts'

import type { Counter } from './counter.ts'
import { joinParts } from './join.ts'
import type { KeyPart, LimitSubject } from './key.ts'
import { limitKey } from './keys.ts'
import type { LimitOptions } from './limit.ts'
import type { Tallies } from './tallies.ts'
import type { Quota } from './window.ts'

/** A limit with the name under which it is counted and reported: `per-user`, or `ROUTE:INDEX` for one written on a route. */
export type NamedLimit = LimitOptions & { readonly name: string }

export interface Limiter {
  readonly name: string
  readonly quota: Quota
  readonly onStoreDown: LimitOptions['on_store_down']
  /** Whether clients read about it on every answer. */
  readonly reported: boolean
  /** The key under which a request is counted. */
  readonly keyOf: (subject: LimitSubject) => string
  /** Counts in this process; where several serve one port, in all of them together, and then it may have to ask. */
  readonly memory: Counter
  /** Absent when the limit is counted in this process only. */
  readonly redis: Counter | undefined
  readonly tallies: Tallies
}

/** A limiter that is counted together with other gateways. */
export interface SharedLimiter extends Limiter {
  readonly redis: Counter
}

export function isShared(limiter: Limiter): limiter is SharedLimiter {
  return limiter.redis !== undefined
}

export function quotaOf({ allow }: LimitOptions): Quota {
  return { count: allow.count, period: allow.period * 1000 }
}

/** Names the counts of a limit across reloads and gateways: another rate or key is another limit. */
export function idOf(limit: NamedLimit): string {
  const { name, allow, by, client_prefix: prefix } = limit
  const identity = joinParts([name, ...[allow.count, allow.period, prefix.ipv4, prefix.ipv6].map(String), ...by])
  return `${name.slice(0, 64)}:${hash('sha256', identity, 'base64url').slice(0, 16)}`
}

/** Makes the key of a limit: one bucket per combination of its parts; a request that lacks a part falls into a bucket of its own. */
export function keyReader({ by, client_prefix: prefix }: LimitOptions): Limiter['keyOf'] {
  const keys = by.flatMap((word) => limitKey(word) ?? [])
  const parts = by.flatMap<KeyPart>((word) => limitKey(word)?.create(word, prefix) ?? [])
  const read = (subject: LimitSubject) => joinParts(parts.map((part) => part(subject)))
  return keys.every(({ needs }) => needs !== 'request') ? oncePerPrincipal(read) : read
}

/** Remembers keys that are about the identity and the route: requests with the same credential share one principal. */
function oncePerPrincipal(read: Limiter['keyOf']): Limiter['keyOf'] {
  const known = new WeakMap<Principal, { readonly route: string; readonly key: string }>()
  return (subject) => {
    const { principal, route } = subject
    if (principal === undefined) return read(subject)
    const last = known.get(principal)
    if (last?.route === route) return last.key
    const key = read(subject)
    known.set(principal, { route, key })
    return key
  }
}
