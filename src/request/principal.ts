/**
 * Who is asking: the identity that a credential proved.
 *
 * Identity is the pair (issuer, subject): `alice` of two issuers are two people.
 *
 * @module
 */

/** What an identity may do. Lists are sorted and free of duplicates. */
export interface Grants {
  readonly roles: readonly string[]
  readonly permissions: readonly string[]
}

/** A proved identity. Frozen and shared by every request that brings the same credential while it is cached. */
export interface Principal extends Grants {
  /** Who vouches; the directory's own users have the issuer `heimdall`. */
  readonly issuer: string
  readonly subject: string
  /** Name of the authenticator in the file that accepted the credential. */
  readonly authenticator: string
  readonly scheme: 'jwt' | 'session' | 'api_key'
  readonly scopes: readonly string[]
  readonly groups: readonly string[]
  readonly email?: string
  readonly name?: string
  readonly tenant?: string
  /** OAuth client id or API key id. */
  readonly client?: string
  /** Session id, not its secret. */
  readonly session?: string
  /** When the credential ends, in milliseconds since the epoch; absent when it never does. */
  readonly expires_at?: number
  /** Those verified claims that the file reads, for `require: { claims }` and header maps; empty for keys and sessions. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** Issuer of identities that live in Heimdall's own directory. */
export const OWN_ISSUER = 'heimdall'

const nothing: readonly string[] = Object.freeze([])
/** Grants nothing. */
export const noGrants: Grants = Object.freeze({ roles: nothing, permissions: nothing })

/** Sorts and removes duplicates: the form that `Grants` promises. */
export function sortedSet(values: Iterable<string>): readonly string[] {
  return [...new Set(values)].sort()
}
