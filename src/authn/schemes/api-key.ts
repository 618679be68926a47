/**
 * API keys: a secret in a header of its own, known by its digest to the directory or to the file.
 *
 * Every request takes the same path whether or not the key exists: one digest, one constant-time comparison.
 *
 * @module
 */
import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'

import type { StalePolicy } from '#cache/freshness.ts'
import { oncePer } from '#cache/once-per.ts'
import type { Answer } from '#cache/tiered.ts'
import { apiKeyId, digest } from '#directory/secrets.ts'
import type { Evidence } from '#request/evidence.ts'
import { headerValues } from '#request/incoming.ts'
import { OWN_ISSUER, sortedSet, type Principal } from '#request/principal.ts'
import { andThen, deny, skip, type Deny } from '#request/verdict.ts'
import type { ApiKeyRecord } from '#stores/reads.ts'

import { completeGrants } from '../grants.ts'
import { recordLookup } from '../record-lookup.ts'
import { defineScheme, type AuthnDeps, type Scheme } from '../scheme.ts'

const LONGEST_KEY = 256
const text = z.string().min(1).max(256)

const fileKey = z
  .strictObject({
    id: text.meta({ description: 'Name of the key, shown upstream and in the log.' }),
    digest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 lower-case hex digits')
      .transform((written) => written.slice('sha256:'.length))
      .meta({ description: 'SHA-256 of the whole key; the key itself is never written down.' }),
    subject: text.meta({ description: 'Who the key stands for.' }),
    name: text.optional().meta({ description: 'Name for people.' }),
    tenant: text.optional().meta({ description: 'Tenant of the subject.' }),
    roles: z.array(text).default([]).meta({ description: 'Roles of the key.' }),
    permissions: z.array(text).default([]).meta({ description: 'Permissions of the key.' }),
    expires: z
      .union(
        [z.iso.date(), z.iso.datetime({ offset: true })],
        'must be a date such as 2030-01-31 or 2030-01-31T12:00:00Z',
      )
      .transform((written) => Date.parse(written))
      .optional()
      .meta({ description: 'When the key ends (ISO 8601, UTC unless it says otherwise).' }),
  })
  .meta({ description: 'A key kept in the file, for set-ups without Postgres.' })

/** `api_key:` of an authenticator. */
export const apiKeyOptions = z
  .strictObject({
    header: z
      .string()
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/, 'must be a header name (RFC 9110 §5.1)')
      .default('X-API-Key')
      .meta({ description: 'Header that holds the key; keys are never read from the URL.' }),
    keys: z.array(fileKey).default([]).meta({ description: 'Keys listed here rather than in Postgres.' }),
  })
  .meta({ description: 'Accepts API keys, from the directory or listed here by digest.' })

type ApiKeyOptions = z.output<typeof apiKeyOptions>

function recordOf(key: ApiKeyOptions['keys'][number]): ApiKeyRecord {
  return {
    id: key.id,
    digest: key.digest,
    subject: key.subject,
    name: key.name ?? null,
    tenant: key.tenant ?? null,
    roles: sortedSet(key.roles),
    permissions: sortedSet(key.permissions),
    expires_at: key.expires ?? null,
    revoked: false,
    active: true,
  }
}

/** Compared against when there is no such key: matches no text, since nobody knows one with this digest. */
const NOBODY = '0'.repeat(64)

function sameDigest(sent: string, known: string): boolean {
  return timingSafeEqual(Buffer.from(sent, 'hex'), Buffer.from(known, 'hex'))
}

function refusal(key: ApiKeyRecord, now: number): Deny | undefined {
  if (key.revoked) return deny('invalid_api_key', `key ${key.id} was revoked`)
  if (key.expires_at !== null && key.expires_at <= now) return deny('invalid_api_key', `key ${key.id} has expired`)
  if (!key.active) return deny('invalid_api_key', `the subject of key ${key.id} is disabled`)
  return undefined
}

function principalOf(key: ApiKeyRecord, authenticator: string): Principal {
  return Object.freeze({
    issuer: OWN_ISSUER,
    subject: key.subject,
    authenticator,
    scheme: 'api_key',
    roles: key.roles,
    permissions: key.permissions,
    scopes: [],
    groups: [],
    ...(key.name !== null && { name: key.name }),
    ...(key.tenant !== null && { tenant: key.tenant }),
    client: key.id,
    ...(key.expires_at !== null && { expires_at: key.expires_at }),
    claims: {},
  })
}

/**
 * Makes the scheme. A key's grants are its own: those of its subject are not added.
 *
 * @denies invalid_api_key for a key that is unknown, sent twice, revoked, expired, or of a disabled subject
 * @denies store_unavailable when neither cache nor directory can tell
 */
function createApiKey(name: string, options: ApiKeyOptions, { lookups, roles, clock }: AuthnDeps): Scheme {
  const place = options.header.toLowerCase()
  const listed = new Map(options.keys.map((key) => [key.digest, recordOf(key)]))
  const complete = completeGrants({ mode: 'claims', roles, lookups: undefined })
  const principalFor = oncePer((key: ApiKeyRecord) => principalOf(key, name))

  const accept = (sent: string, key: ApiKeyRecord | undefined, evidence: Evidence, stale: StalePolicy) => {
    const same = sameDigest(sent, key?.digest ?? NOBODY)
    if (key === undefined || !same) return deny('invalid_api_key', 'no such key')
    return refusal(key, clock()) ?? complete(principalFor(key), evidence, stale)
  }

  const attempt: Scheme['attempt'] = (request, evidence, stale, asker) => {
    const [value, ...others] = headerValues(request, place)
    if (value === undefined) return skip
    evidence.authenticator = name
    if (others.length > 0) return deny('invalid_api_key', 'more than one key was sent')
    if (value.length > LONGEST_KEY) return deny('invalid_api_key', 'the key is too long')
    const sent = digest(value)
    const known = listed.get(sent)
    const id = known === undefined ? apiKeyId(value) : undefined
    if (known !== undefined) evidence.cache = 'file'
    if (id === undefined || lookups === undefined) return accept(sent, known, evidence, stale)
    return andThen(lookups.apiKey(id, stale, asker), (found: Answer<ApiKeyRecord>) => {
      if (found.kind === 'deny') return found
      recordLookup(evidence, found)
      if (found.kind === 'unavailable') return deny('store_unavailable', 'the key cannot be looked up')
      return accept(sent, found.kind === 'found' ? found.value : undefined, evidence, stale)
    })
  }

  return {
    name,
    kind: 'api_key',
    credential: { headers: [place] },
    addressed: (request) => request.names.includes(place),
    attempt,
  }
}

/** The API key scheme. */
export const apiKey = defineScheme({ name: 'api_key', options: apiKeyOptions, create: createApiKey })
