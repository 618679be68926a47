/**
 * Schema of the stores: where Redis and Postgres are.
 *
 * An empty text counts as absent, so that `"${HEIMDALL_REDIS_URL:-}"` turns a store on from the environment.
 *
 * @module
 */
import { z } from 'zod'

import { readRedisUrl } from '#values/redis-url.ts'

import { closest } from './closest.ts'

const postgresPattern = /^(?:(?:postgres|postgresql):\/\/\S+|embedded:\S+)?$/
const severalHosts = /^[^/]*\/\/(?:[^/?]*@)?[^/?]*,/

const redisUrl = z.string('must be a redis:// URL').superRefine((url, context) => {
  if (url === '') return
  const read = readRedisUrl(url)
  if (!('flaw' in read)) return
  const suggestion = read.word === undefined ? undefined : closest(read.word, read.known ?? [])
  context.addIssue({ code: 'custom', message: read.flaw, params: { suggestion } })
})

/** `stores:`; `undefined` for a store that is not there. */
export const storesSchema = z.strictObject({
  redis: redisUrl
    .optional()
    .transform((url) => (url === '' ? undefined : url))
    .meta({
      description:
        'Redis or Valkey URL: shared cache and shared limits. `redis://`, `redis-sentinel://HOST,…/NAME` or `redis-cluster://HOST,…`; `rediss…` for TLS. Empty: each process on its own.',
      pattern: String.raw`^(rediss?(-sentinel|-cluster)?://\S+)?$`,
    }),
  postgres: z
    .string('must be a postgres:// URL')
    .regex(postgresPattern, 'must be a postgres:// URL, embedded:FOLDER, or empty')
    .refine((url) => !severalHosts.test(url), 'names several hosts: give the one name that follows the primary')
    .optional()
    .transform((url) => (url === '' ? undefined : url))
    .meta({
      description:
        'Postgres URL: sessions, API keys, grants. `embedded:FOLDER` runs PGlite in the process, for trying out. Empty: token claims only.',
    }),
})
