/**
 * From verified claims to a principal.
 *
 * A claim of the wrong shape gives nothing: it never makes an identity larger than the issuer plainly said.
 *
 * @module
 */
import { internedList } from '#cache/interned-list.ts'
import { readClaim, type ClaimSet } from '#request/claims.ts'
import type { Principal } from '#request/principal.ts'
import { deny, pass, type Verdict } from '#request/verdict.ts'

import type { JsonObject } from './json.ts'
import type { JwtOptions } from './options.ts'

const LONGEST_SUBJECT = 512

/** What a principal has beside the claims. */
export interface Vouching {
  readonly authenticator: string
  readonly issuer: string
  /** Where each fact is found. */
  readonly paths: JwtOptions['claims']
  /** What is kept of the claims: all that the file reads later. */
  readonly keep: (claims: ClaimSet) => ClaimSet
}

/**
 * Makes the frozen principal of a verified token.
 *
 * @param expires_at `exp` in milliseconds since the epoch
 * @denies invalid_token when the subject is missing, empty, no text or longer than 512 characters
 */
export function principalOf(claims: JsonObject, expires_at: number, vouching: Vouching): Verdict<Principal> {
  const { authenticator, issuer, paths, keep } = vouching
  const subject = readClaim(claims, paths.subject)
  if (typeof subject !== 'string' || subject === '' || subject.length > LONGEST_SUBJECT)
    return deny('invalid_token', 'the subject claim is not a text of 1 to 512 characters')
  const principal: Principal = {
    issuer,
    subject,
    authenticator,
    scheme: 'jwt',
    roles: listAt(claims, paths.roles),
    permissions: listAt(claims, paths.permissions),
    groups: listAt(claims, paths.groups),
    scopes: scopesOf(claims),
    ...person(claims, paths),
    expires_at,
    claims: deepFreeze(keep(claims)),
  }
  return pass(Object.freeze(principal))
}

/** The facts that may be absent. */
function person(claims: JsonObject, paths: Vouching['paths']): Partial<Principal> {
  const unverified = claims['email_verified'] === false || claims['email_verified'] === 'false'
  const facts = {
    email: unverified ? undefined : address(text(readClaim(claims, paths.email))),
    name: text(readClaim(claims, paths.name)),
    tenant: text(readClaim(claims, paths.tenant)),
    client: text(readClaim(claims, paths.client)) ?? text(claims['azp']),
  }
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}

/** An address of which nobody can doubt where its domain begins: `evil@x.com@corp.com` has two. */
function address(email: string | undefined): string | undefined {
  return email !== undefined && email.indexOf('@') === email.lastIndexOf('@') ? email : undefined
}

function scopesOf({ scope, scp }: JsonObject): readonly string[] {
  return internedList([...words(scope), ...words(scp)])
}

/** `scope` is words with a space between (RFC 8693 §4.2), `scp` such a text or a list. */
function words(scope: unknown): readonly string[] {
  return typeof scope === 'string' ? scope.split(' ').filter((word) => word !== '') : texts(scope)
}

/** A list of texts; scopes count as such a list where the file maps them to permissions or roles. */
function listAt(claims: JsonObject, path: string): readonly string[] {
  const value = readClaim(claims, path)
  return path === 'scope' || path === 'scp' ? internedList(words(value)) : texts(value)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function texts(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return internedList(list.filter((one) => typeof one === 'string' && one !== '') as string[])
}

/** The depth is bounded by the parser. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
