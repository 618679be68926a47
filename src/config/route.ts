/**
 * Schema of a route and of the defaults that routes share.
 *
 * Nothing here has a default of its own: what a route leaves out comes from `defaults`, then from `resolve.ts`.
 *
 * @module
 */
import { z } from 'zod'

import { requireSchema } from '#authz/require.ts'
import { limitSchema } from '#ratelimit/limit.ts'
import { encodedKinds } from '#request/target.ts'
import { corsOptions } from '#routing/cors.ts'
import { cidr } from '#values/network.ts'
import { duration, size, speed } from '#values/units.ts'

import { name } from './names.ts'

/** Of HTTP and WebDAV (RFC 9110, 4918); TRACE and CONNECT are never admitted. */
const methods = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
  'PROPFIND',
  'PROPPATCH',
  'MKCOL',
  'COPY',
  'MOVE',
  'LOCK',
  'UNLOCK',
  'REPORT',
  'SEARCH',
  'PURGE',
] as const

const staleness = z.union([
  z.enum(['deny', 'serve']),
  z.strictObject({
    serve: duration({ min: '1s', max: '1h' }).meta({ description: 'Longest age of an answer that is still served.' }),
  }),
])

const pace = z.union([
  z.literal('off'),
  z.strictObject({
    at_least: speed()
      .prefault('500B/s')
      .meta({ description: 'How fast bodies must move while we wait for the client.' }),
    slack: duration({ min: '100ms', max: '1h' }).prefault('20s').meta({
      description: 'How far behind that a client may fall, pauses included.',
    }),
  }),
])

const shared = {
  upstream: name().optional().meta({ description: 'Name of the upstream that gets the requests.' }),
  authenticate: z.array(name()).optional().meta({
    description: 'Names of the authenticators that may prove who asks, tried in this order.',
  }),
  require: requireSchema.optional().meta({ description: 'What the identity must hold; all of it.' }),
  limits: z
    .array(z.union([name(), limitSchema]))
    .optional()
    .meta({ description: 'Rate limits: names from `limits`, or limits written here.' }),
  mode: z.enum(['enforce', 'shadow']).optional().meta({
    description: '`shadow` only records what `require` and `limits` would have refused. Default `enforce`.',
  }),
  when_stale: staleness.optional().meta({
    description:
      'Whether a cached answer past its freshness may be used while the stores are down: `deny` (default), `serve` (up to 60s old) or `{ serve: 10m }`.',
  }),
  forward_credential: z.boolean().optional().meta({
    description: 'Hands the credential itself to the upstream. Default false.',
  }),
  timeout: duration({ min: '10ms', max: '1d' }).optional().meta({
    description: "How long a whole answer may take. Default none: the upstream's own timeouts hold.",
  }),
  max_body: size().optional().meta({ description: 'Largest request body. Default 10MiB.' }),
  pace: pace.optional().meta({
    description:
      'How slowly a client may send or take a body, so that it holds no connection of the upstream for nothing: 408 or a cut when it is slower. Default { at_least: 500B/s, slack: 20s }; off for uploads that pause on purpose.',
  }),
  cors: corsOptions.optional().meta({ description: 'Which pages of other origins may call this route.' }),
  allow_clients: z.array(cidr()).optional().meta({ description: 'Networks that may call; everybody when absent.' }),
  deny_clients: z
    .array(cidr())
    .optional()
    .meta({ description: 'Networks that may not call; wins over allow_clients.' }),
  allow_encoded: z.array(z.enum(encodedKinds)).optional().meta({
    description: 'Doubtful parts of a path this route accepts; they are refused with 400 otherwise.',
  }),
  websocket: z.boolean().optional().meta({ description: 'Whether WebSocket upgrades are let through. Default true.' }),
}

/** `defaults:`, used by every route that does not write the key itself. */
export const defaultsSchema = z.strictObject(shared)

/** One entry of `routes:`. */
export const routeSchema = z.strictObject({
  name: name().optional().meta({
    description: 'Metric label and limit key. Default: methods, host and path.',
  }),
  path: z.string('must be a path such as /orders/**').min(1).max(2048).meta({
    description: 'Path pattern: `{name}` is one segment, a trailing `**` zero or more.',
  }),
  host: z.string('must be a host name').min(1).max(253).optional().meta({
    description: 'Host that the request must name; any when absent.',
  }),
  methods: z.array(z.enum(methods)).min(1).optional().meta({
    description: 'Methods this route answers, GET answers HEAD too; all when absent.',
  }),
  headers: z
    .record(z.string().regex(/^[\w-]+$/, 'must be a header name'), z.string())
    .optional()
    .meta({
      description: 'Headers and the exact values the request must bring, to tell routes of one path apart.',
    }),
  public: z.boolean().optional().meta({
    description: 'Credentials are not looked at and no identity is sent.',
  }),
  optional: z.boolean().optional().meta({
    description: 'A request without a credential passes as anonymous; a bad credential is still refused.',
  }),
  ...shared,
  strip_prefix: z
    .string('must be a path such as /api')
    .max(2048)
    .optional()
    .meta({ description: 'Whole segments taken off the front of the path before it is forwarded.' }),
  rewrite: z.string().regex(/^\//, 'must start with `/`').optional().meta({
    description: 'Path to forward instead, with `{name}` and `**` filled in from the path pattern.',
  }),
})

export type RouteFile = z.output<typeof routeSchema>
export type DefaultsFile = z.output<typeof defaultsSchema>
