/**
 * The kinds of schemes, and the schemas of authenticators in the file.
 *
 * To add a kind: a file in `schemes/`, a line in `shape` and one in `buildScheme`.
 *
 * @module
 */
import { z } from 'zod'

import { keySourceOf } from './jwt/keys.ts'
import type { KeySource } from './key-sets/source.ts'
import type { AuthnDeps, Scheme } from './scheme.ts'
import { apiKey } from './schemes/api-key.ts'
import { jwt } from './schemes/jwt.ts'
import { session } from './schemes/session.ts'

const shape = z.strictObject({
  jwt: jwt.options.optional().meta({ description: 'Bearer tokens that an issuer signed (RFC 7519).' }),
  session: session.options.optional().meta({ description: 'Sessions of the directory, in a cookie or as a bearer.' }),
  api_key: apiKey.options.optional().meta({ description: 'API keys, from the directory or listed here by digest.' }),
})

/** One authenticator of the file: exactly one kind with its options, `acme: { jwt: { issuer: …, audience: … } }`. */
export const authenticatorSchema = shape.superRefine((written, context) => {
  const named = Object.keys(written)
  if (named.length !== 1 && context.issues.length === 0)
    context.addIssue({ code: 'custom', message: 'must name exactly one kind: jwt, session or api_key' })
})

export type Authenticator = z.output<typeof authenticatorSchema>

/** What lives as long as the process. */
export type SchemesDeps = Omit<AuthnDeps, keyof FromFile>

/** What comes with each version of the file. */
export type FromFile = Pick<AuthnDeps, 'roles' | 'claims'>

/** Makes the schemes of one version of the file, by the names of their authenticators. */
export function buildSchemes(
  authenticators: Readonly<Record<string, Authenticator>>,
  deps: SchemesDeps,
  file: FromFile,
): Map<string, Scheme> {
  const all: AuthnDeps = { ...deps, ...file }
  return new Map(Object.entries(authenticators).map(([name, written]) => [name, buildScheme(name, written, all)]))
}

function buildScheme(name: string, written: Authenticator, deps: AuthnDeps): Scheme {
  if (written.jwt !== undefined) return jwt.create(name, written.jwt, deps)
  if (written.session !== undefined) return session.create(name, written.session, deps)
  if (written.api_key !== undefined) return apiKey.create(name, written.api_key, deps)
  throw new TypeError(`authenticator ${name} names no kind`)
}

/** Key sources that a version of the file uses: what `KeySets.retain` keeps once that version is in force. */
export function keySourcesOf(authenticators: Readonly<Record<string, Authenticator>>): KeySource[] {
  return Object.values(authenticators).flatMap(({ jwt: trust }) =>
    trust === undefined || trust.secret !== undefined ? [] : [keySourceOf(trust)],
  )
}
