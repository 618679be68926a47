/**
 * Facts: what the claims of a verified token say of the one who asks.
 *
 * A claim of the wrong shape gives nothing: it never makes an identity larger than the issuer plainly said.
 *
 * @module
 */
import { internedList } from '#cache/interned-list.ts'
import { readClaim, type ClaimSet } from '#request/claims.ts'
import { deny, pass, type Verdict } from '#request/verdict.ts'

import type { JsonObject } from './json.ts'
import type { JwtOptions } from './options.ts'

const LONGEST_SUBJECT = 512

/** What tells one token's identity from another's of the same issuer. */
export interface Facts {
  readonly subject: string
  readonly roles: readonly string[]
  readonly permissions: readonly string[]
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
  readonly email: string | undefined
  readonly name: string | undefined
  readonly tenant: string | undefined
  readonly client: string | undefined
  /** Frozen. */
  readonly claims: ClaimSet
}

/** Where facts are found. */
export interface FactRules {
  readonly paths: JwtOptions['claims']
  /** What is kept of the claims: all that the file reads later. */
  readonly keep: (claims: ClaimSet) => ClaimSet
}

/**
 * Reads the facts of a verified token.
 *
 * @denies invalid_token when the subject is missing, empty, no text or longer than 512 characters
 */
export function factsOf(claims: JsonObject, { paths, keep }: FactRules): Verdict<Facts> {
  const subject = readClaim(claims, paths.subject)
  if (typeof subject !== 'string' || subject === '' || subject.length > LONGEST_SUBJECT)
    return deny('invalid_token', 'the subject claim is not a text of 1 to 512 characters')
  const unverified = claims['email_verified'] === false || claims['email_verified'] === 'false'
  return pass({
    subject,
    roles: listAt(claims, paths.roles),
    permissions: listAt(claims, paths.permissions),
    groups: listAt(claims, paths.groups),
    scopes: scopesOf(claims),
    email: unverified ? undefined : address(text(readClaim(claims, paths.email))),
    name: text(readClaim(claims, paths.name)),
    tenant: text(readClaim(claims, paths.tenant)),
    client: text(readClaim(claims, paths.client)) ?? text(claims['azp']),
    claims: deepFreeze(keep(claims)),
  })
}

/** An address of which nobody can doubt where its domain begins: `evil@x.com@corp.com` has two. */
function address(email: string | undefined): string | undefined {
  return email !== undefined && email.indexOf('@') === email.lastIndexOf('@') ? email : undefined
}

function scopesOf({ scope, scp }: JsonObject): readonly string[] {
  return internedList(scp === undefined ? words(scope) : [...words(scope), ...words(scp)])
}

/** `scope` is words with a space between (RFC 8693 §4.2), `scp` such a text or a list. */
function words(scope: unknown): readonly string[] {
  return typeof scope === 'string' ? scope.split(' ').filter((word) => word !== '') : texts(scope)
}

/** A list of texts; scopes count as such a list where the file maps them to permissions or roles. */
function listAt(claims: JsonObject, path: string): readonly string[] {
  const value = readClaim(claims, path)
  return internedList(path === 'scope' || path === 'scp' ? words(value) : texts(value))
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function texts(value: unknown): readonly string[] {
  if (value === undefined) return []
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.filter((one) => typeof one === 'string' && one !== '') as string[]
}

/** The depth is bounded by the parser. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
