/**
 * Challenges: what a refusal tells the client to send (RFC 9110 §11.6.1, RFC 6750 §3).
 *
 * @module
 */
import { denials, type Denial, type DenialCode } from '#request/denial.ts'

import type { Scheme } from './scheme.ts'

/** For routes on which no scheme has a registered challenge: a 401 must carry one all the same (RFC 9110 §15.5.2). */
const unregistered = { jwt: 'Bearer', session: 'Cookie', api_key: 'ApiKey' } as const satisfies Record<
  Scheme['kind'],
  string
>

/**
 * Value of `WWW-Authenticate` for a refusal, one challenge per kind of scheme on the route.
 *
 * @param scopes what the route requires, named when the token lacks them
 * @returns undefined when the code carries no challenge, or the route looks at no credential
 */
export function challenges(
  schemes: readonly Scheme[],
  code: DenialCode,
  scopes: readonly string[] = [],
): string | undefined {
  const { challenge }: Denial = denials[code]
  if (challenge === undefined) return undefined
  const parameters = [['realm', 'heimdall']]
  if (challenge !== 'none') parameters.push(['error', challenge])
  if (challenge === 'insufficient_scope' && scopes.length > 0) parameters.push(['scope', scopes.join(' ')])
  const text = parameters.map(([name, value = '']) => `${name}="${quoted(value)}"`).join(', ')

  const registered = schemes.flatMap((scheme) => scheme.challenge ?? [])
  const names = new Set(registered.length > 0 ? registered : schemes.map(({ kind }) => unregistered[kind]))
  return names.size === 0 ? undefined : [...names].map((name) => `${name} ${text}`).join(', ')
}

/** Inside of a quoted-string (RFC 9110 §5.6.4); characters that cannot stand there are dropped. */
function quoted(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '').replaceAll(/["\\]/g, String.raw`\$&`)
}
