/**
 * Schema of the whole file, block by block; option schemas live beside the code they configure.
 *
 * Every object is strict: an unknown key is an error, never ignored.
 *
 * @module
 */
import { z } from 'zod'

import { authenticatorSchema } from '#authn/schemes.ts'
import { identityHeadersSchema } from '#identity/options.ts'
import { limitSchema } from '#ratelimit/limit.ts'
import { address, cidr } from '#values/network.ts'
import { duration, rate } from '#values/units.ts'

import { name } from './names.ts'
import { overloadSchema } from './overload.ts'
import { riskNames } from './risk-names.ts'
import { defaultsSchema, routeSchema } from './route.ts'
import { storesSchema } from './stores.ts'
import { upstreamSchema } from './upstream.ts'

const MOST_WORKERS = 256

const listener = (text: string, fallback: string) =>
  address()
    .prefault(fallback)
    .meta({ description: `${text} HOST:PORT; HEIMDALL_* of the same name overrides it.` })

const identitySchema = z.strictObject({
  headers: identityHeadersSchema.prefault('heimdall').meta({
    description: 'Headers that carry the identity upstream: a preset, or a map of claim to header.',
  }),
})

const logSchema = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .meta({ description: 'Least level that is logged.' }),
})

const workersSchema = z.union(
  [z.literal('auto'), z.int().min(1).max(MOST_WORKERS)],
  `must be a number from 1 to ${MOST_WORKERS}, or auto`,
)

const badCredentialsSchema = z.union(
  [z.literal('off'), rate().refine(({ period }) => period <= 3_600_000, 'must have a period of at most 1h')],
  'must be a rate with a period of at most 1h, such as 100/10s, or off',
)

/** The file as written (input) and with its values read (output); `resolve.ts` makes a `Config` of it. */
export const fileSchema = z
  .strictObject({
    version: z.literal(1, 'must be 1').meta({ description: 'Version of this file format.' }),
    listen: listener('What clients reach.', '0.0.0.0:8080'),
    probes: listener('/livez, /readyz and /metrics.', '0.0.0.0:9091'),
    admin: address().optional().meta({ description: 'Administration; HOST:PORT on loopback. Off when absent.' }),
    workers: workersSchema.default(1).meta({
      description:
        'Processes on one port: a number, or `auto` for one per processor that the process may use. Limits, `bad_credentials` and `overload` hold for all of them together. Read at the start.',
    }),
    grace: duration({ min: '0ms', max: '1h' })
      .prefault('25s')
      .meta({ description: 'How long a drain may take after SIGTERM.' }),
    trusted_proxies: z.array(cidr()).default([]).meta({
      description:
        'Networks of proxies whose X-Forwarded-*, X-Request-Id and trace headers are believed; nobody by default.',
    }),
    stores: storesSchema.prefault({}).meta({ description: 'Redis and Postgres; both may be left out.' }),
    upstreams: z.record(name(), upstreamSchema).default({}).meta({
      description: 'The services behind the gateway: a URL, or options.',
    }),
    authenticators: z.record(name(), authenticatorSchema).default({}).meta({
      description: 'Ways to prove who asks, by name.',
    }),
    roles: z
      .record(name(), z.array(z.string().min(1).max(256)))
      .default({})
      .meta({ description: 'Permissions of each role, for set-ups without Postgres.' }),
    identity: identitySchema.prefault({}).meta({ description: 'What upstreams learn about who asks.' }),
    limits: z.record(name(), limitSchema).default({}).meta({ description: 'Rate limits, by name.' }),
    bad_credentials: badCredentialsSchema.prefault('100/10s').meta({
      description:
        'Most credentials that a client may have checked in vain (a signature or a lookup), such as 100/10s, or off. A client is an IPv4 address or an IPv6 /64. Above it, credentials that are not known yet get 429; those in memory still pass.',
    }),
    defaults: defaultsSchema.default({}).meta({ description: 'Keys that every route has unless it writes its own.' }),
    include: z.array(z.string().min(1)).default([]).meta({
      description: 'Files with more `routes:`, such as routes/*.yaml; relative to this file.',
    }),
    routes: z.array(routeSchema).default([]).meta({
      description: 'Who may reach what. The most specific path wins, whatever the order.',
    }),
    accept_risk: z.array(z.enum(riskNames)).default([]).meta({
      description: 'Dangerous settings that are meant, by name.',
    }),
    overload: overloadSchema.prefault({}).meta({
      description: 'How much is taken on; what is more is refused with 503 and Retry-After.',
    }),
    log: logSchema.prefault({}).meta({ description: 'What is logged.' }),
  })
  .meta({ title: 'Heimdall configuration', description: 'Settings of the Heimdall gateway.' })

/** The file with its values read: durations in milliseconds, sizes in bytes. */
export type ConfigFile = z.output<typeof fileSchema>
