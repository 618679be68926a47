/**
 * Options of a JWT authenticator, as the file writes them.
 *
 * @module
 */
import { z } from 'zod'

import { httpUrl, isMetadata } from '#values/network.ts'
import { duration } from '#values/units.ts'

import { algorithms, asymmetric, isSymmetric, signings } from './algorithms.ts'

const path = (fallback: string) => z.string().min(1).max(256).default(fallback)

const claimPaths = z.strictObject({
  subject: path('sub').meta({ description: 'Stable id of the person or client.' }),
  roles: path('roles').meta({ description: 'List of roles, for instance realm_access.roles.' }),
  permissions: path('permissions').meta({ description: 'List of permissions.' }),
  groups: path('groups').meta({ description: 'List of groups.' }),
  tenant: path('tenant').meta({ description: 'Tenant of the person.' }),
  email: path('email').meta({
    description: 'Mail address; left out when email_verified says false, or when it has more than one @.',
  }),
  name: path('name').meta({ description: 'Name for people to read.' }),
  client: path('client_id').meta({ description: 'OAuth client; azp is read when it is absent.' }),
})

const unchecked = z.strictObject({
  issuer: z.string().min(1).max(512).meta({ description: 'Required `iss` claim, compared exactly.' }),
  audience: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .transform((written) => (typeof written === 'string' ? [written] : written))
    .meta({ description: 'Who the token must be meant for: one of these in its `aud` claim.' }),
  jwks_url: httpUrl().optional().meta({ description: 'Where the keys are; without it, OIDC discovery at the issuer.' }),
  jwks_file: z.string().min(1).optional().meta({ description: 'File with the keys (a JWKS), read again on change.' }),
  secret: z.string().min(1).optional().meta({
    description: 'Shared secret for HS256, HS384 and HS512 only; better a ${file:…} than written here.',
  }),
  algorithms: z
    .array(z.enum(algorithms))
    .min(1)
    .default([...asymmetric])
    .meta({ description: 'Accepted signature algorithms; all asymmetric ones by default.' }),
  types: z.array(z.string().min(1).max(64)).min(1).default(['JWT', 'at+jwt']).meta({
    description:
      'Accepted `typ` header values, whatever the case; an absent typ counts as JWT, so [at+jwt] alone keeps ID tokens out (RFC 9068).',
  }),
  clock_skew: duration({ max: '5m' }).prefault('30s').meta({
    description: "How far the issuer's clock may be from ours.",
  }),
  max_lifetime: duration({ min: '1s', max: '365d' })
    .prefault('24h')
    .meta({ description: 'Longest time between issue and expiry of a token.' }),
  claims: claimPaths
    .prefault({})
    .meta({ description: 'Where the identity is found in the claims; dots lead inwards.' }),
  grants: z
    .enum(['claims', 'directory', 'both'])
    .default('claims')
    .meta({ description: 'Where roles and permissions come from.' }),
  cooldown: duration({ min: '1s', max: '1h' }).prefault('30s').meta({
    description: 'Least time between two fetches of the keys, whatever came of the first.',
  }),
  refresh: duration({ min: '1s', max: '1d' }).prefault('10m').meta({
    description: 'How often the keys are fetched without being asked for.',
  }),
  max_stale: duration({ min: '1s', max: '30d' }).prefault('24h').meta({
    description: 'How long the last keys are used while the issuer cannot be reached.',
  }),
})

type Unchecked = z.output<typeof unchecked>

function leadsToMetadata(url: string | undefined): boolean {
  return url !== undefined && URL.canParse(url) && isMetadata(new URL(url).hostname)
}

/** Options that belong together; each complaint stands at the option to change. */
function complaints(options: Unchecked): [keyof Unchecked, string][] {
  const sources = (['jwks_url', 'jwks_file', 'secret'] as const).filter((key) => options[key] !== undefined)
  const symmetric = options.algorithms.filter(isSymmetric)
  const found: [keyof Unchecked, string][] = []
  const second = sources[1]
  if (second !== undefined) found.push([second, `cannot stand beside ${sources[0]}: keys come from one place`])
  if (sources.length === 0 && !httpUrl().safeParse(options.issuer).success)
    found.push(['issuer', 'must be an http:// or https:// URL, or jwks_url or jwks_file must say where the keys are'])
  const from = sources.length === 0 ? 'issuer' : 'jwks_url'
  if (leadsToMetadata(options[from]))
    found.push([from, 'must not be an address at which clouds give credentials to machines'])
  if (options.secret === undefined && symmetric.length > 0)
    found.push(['algorithms', `needs a secret for ${symmetric.join(', ')}`])
  const least = Math.max(...symmetric.map((algorithm) => signings[algorithm].bytes))
  if (options.secret !== undefined && Buffer.byteLength(options.secret) < least)
    found.push(['secret', `must have at least ${least} bytes for ${symmetric.join(', ')} (RFC 7518 §3.2)`])
  if (options.secret !== undefined && symmetric.length !== options.algorithms.length)
    found.push(['algorithms', 'must list HS256, HS384 or HS512 and no other beside a secret'])
  return found
}

export const jwtOptions = unchecked.superRefine((options, context) => {
  for (const [key, message] of complaints(options)) context.addIssue({ code: 'custom', path: [key], message })
})

/** Options of one JWT authenticator with every default filled in; times in milliseconds. */
export type JwtOptions = z.output<typeof jwtOptions>
