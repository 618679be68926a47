/**
 * What the data plane reads from the directory: one port, the same answers from Postgres and from embedded PGlite.
 *
 * Every read carries a deadline of its own and rejects when the store fails; "no such key" is an answer (`undefined`), not a failure.
 *
 * @module
 */
import type { Grants } from '#request/principal.ts'

/** A live or ended session; the secret itself is never stored, only its SHA-256. */
export interface SessionRecord {
  readonly id: string
  readonly subject: string
  /** Milliseconds since the epoch. */
  readonly expires_at: number
  readonly revoked: boolean
  /** False when the person is disabled or gone. */
  readonly active: boolean
  readonly email: string | null
  readonly name: string | null
  readonly tenant: string | null
}

export interface ApiKeyRecord extends Grants {
  readonly id: string
  /** SHA-256 of the whole key as sent, in lower-case hex. */
  readonly digest: string
  readonly subject: string
  readonly name: string | null
  readonly tenant: string | null
  /** Milliseconds since the epoch, or null for a key without end. */
  readonly expires_at: number | null
  readonly revoked: boolean
  readonly active: boolean
}

/** Grants of an identity; `active` is false when the directory knows the person as disabled. */
export interface GrantsRecord extends Grants {
  readonly active: boolean
}

/** A read that names a `stranger`, the client who asks for a key that was never found before, may have to wait behind the others. */
export interface DirectoryReads {
  /** @param digest SHA-256 of the session value as sent, in lower-case hex */
  session(digest: string, stranger?: string): Promise<SessionRecord | undefined>
  apiKey(id: string, stranger?: string): Promise<ApiKeyRecord | undefined>
  /** Roles, and permissions both direct and through roles; empty and active for an identity that the directory does not know. */
  grants(issuer: string, subject: string): Promise<GrantsRecord>
}
