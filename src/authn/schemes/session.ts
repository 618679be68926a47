/**
 * Sessions: a random value in a cookie, or as a bearer token, that the directory knows by its digest.
 *
 * A value that is ours but wrong is a refusal, never "no credential":
 * a request must not become anonymous by damaging its cookie.
 *
 * @module
 */
import { z } from 'zod'

import type { StalePolicy } from '#cache/freshness.ts'
import { oncePer } from '#cache/once-per.ts'
import type { Answer } from '#cache/tiered.ts'
import { digest, isSessionValue, SESSION_PREFIX } from '#directory/secrets.ts'
import type { Evidence } from '#request/evidence.ts'
import { header, type Incoming } from '#request/incoming.ts'
import { noGrants, OWN_ISSUER, type Principal } from '#request/principal.ts'
import { andThen, deny, skip, type Deny } from '#request/verdict.ts'
import type { SessionRecord } from '#stores/reads.ts'

import { bearerToken } from '../bearer.ts'
import { cookieValues } from '../cookies.ts'
import { completeGrants, grantsMode } from '../grants.ts'
import { recordLookup } from '../record-lookup.ts'
import { defineScheme, type AuthnDeps, type Scheme } from '../scheme.ts'

/** `session:` of an authenticator. */
export const sessionOptions = z
  .strictObject({
    cookie: z
      .string()
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/, 'must be a cookie name (RFC 6265 §4.1.1)')
      .default('heimdall_session')
      .meta({ description: 'Cookie that holds the session value.' }),
    bearer: z
      .boolean()
      .default(true)
      .meta({ description: 'Whether `Authorization: Bearer hs_…` is accepted beside the cookie.' }),
    grants: grantsMode
      .extract(['directory'])
      .default('directory')
      .meta({ description: 'Where roles and permissions come from; a session carries no claims.' }),
  })
  .meta({ description: 'Accepts sessions of the directory.' })

type SessionOptions = z.output<typeof sessionOptions>

/** What a request brings for this scheme. */
interface Presented {
  readonly values: readonly string[]
  readonly by_cookie: boolean
}

function present(request: Incoming, options: SessionOptions): Presented {
  const cookies = cookieValues(request, options.cookie)
  const token = options.bearer ? bearerToken(request) : undefined
  const bearer = token?.startsWith(SESSION_PREFIX) === true ? [token] : []
  return { values: [...cookies, ...bearer], by_cookie: cookies.length > 0 }
}

function refusal(session: SessionRecord, now: number): Deny | undefined {
  if (session.revoked) return deny('invalid_session', 'the session was ended')
  if (session.expires_at <= now) return deny('invalid_session', 'the session is past its lifetime')
  if (!session.active) return deny('invalid_session', 'the person is disabled or gone')
  return undefined
}

function principalOf(session: SessionRecord, authenticator: string): Principal {
  return Object.freeze({
    issuer: OWN_ISSUER,
    subject: session.subject,
    authenticator,
    scheme: 'session',
    ...noGrants,
    scopes: [],
    groups: [],
    ...(session.email !== null && { email: session.email }),
    ...(session.name !== null && { name: session.name }),
    ...(session.tenant !== null && { tenant: session.tenant }),
    session: session.id,
    expires_at: session.expires_at,
    claims: {},
  })
}

/**
 * Makes the scheme.
 *
 * @denies invalid_session for a value that is malformed, sent twice, unknown, ended, expired, or of a disabled person
 * @denies store_unavailable when neither cache nor directory can tell
 */
function createSession(name: string, options: SessionOptions, { lookups, roles, clock }: AuthnDeps): Scheme {
  const complete = completeGrants({ mode: options.grants, roles, lookups })
  const principalFor = oncePer((session: SessionRecord) => principalOf(session, name))

  const decide = (found: Answer<SessionRecord>, evidence: Evidence, stale: StalePolicy) => {
    if (found.kind === 'deny') return found
    recordLookup(evidence, found)
    if (found.kind === 'unavailable') return deny('store_unavailable', 'the session cannot be looked up')
    if (found.kind === 'absent') return deny('invalid_session', 'no such session')
    const staleGrants = found.stale && stale !== 'deny' ? { ...stale, at_once: true } : stale
    return refusal(found.value, clock()) ?? complete(principalFor(found.value), evidence, staleGrants)
  }

  const attempt: Scheme['attempt'] = (request, evidence, stale, asker) => {
    const { values, by_cookie } = present(request, options)
    const [value] = values
    if (value === undefined) return skip
    evidence.authenticator = name
    evidence.by_cookie = by_cookie
    if (values.length > 1) return deny('invalid_session', 'more than one session was sent')
    if (!isSessionValue(value)) return deny('invalid_session', 'the session value is malformed')
    if (lookups === undefined) return deny('store_unavailable', 'sessions need stores.postgres')
    return andThen(lookups.session(digest(value), stale, asker), (found) => decide(found, evidence, stale))
  }

  return {
    name,
    kind: 'session',
    credential: { headers: options.bearer ? ['authorization'] : [], cookie: options.cookie },
    ...(options.bearer && { challenge: 'Bearer' }),
    addressed: (request) =>
      cookieValues(request, options.cookie).length > 0 ||
      (options.bearer && header(request, 'authorization') !== undefined),
    attempt,
  }
}

/** The session scheme. */
export const session = defineScheme({ name: 'session', options: sessionOptions, create: createSession })
