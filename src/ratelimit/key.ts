/**
 * A limit key: one thing a limit can count by, as `by:` names it.
 *
 * To add one: a file in `keys/` and a line in `keys.ts`.
 *
 * @module
 */
import type { Principal } from '#request/principal.ts'

/** What is known of a request when its limits are checked. */
export interface LimitSubject {
  /** Address of the client after `trusted_proxies` were taken off, never a header's own claim. */
  readonly client: string
  readonly principal: Principal | undefined
  /** Name of the route, so that no other spelling of the path is another key. */
  readonly route: string
  /** First value of a header, by its lower-case name. */
  header(name: string): string | undefined
}

/** How many leading bits of an address make one client. */
export interface ClientPrefix {
  readonly ipv4: number
  readonly ipv6: number
}

/** Reads one part of a counter's key; `undefined` when the request has none, which is a bucket of its own. */
export type KeyPart = (subject: LimitSubject) => string | undefined

export interface LimitKey {
  /** As the manual spells it: `client`, `header:NAME`. */
  readonly name: string
  /**
   * What must be known first. A limit is checked before authentication when all its keys need only the `request`;
   * keys that need the `identity` mean nothing on a public route.
   */
  readonly needs: 'request' | 'route' | 'identity'
  /** Whether a word of `by:` names this key. */
  accepts(word: string): boolean
  create(word: string, prefix: ClientPrefix): KeyPart
}
