/**
 * Schema of the stores: where Redis and Postgres are.
 *
 * An empty text counts as absent, so that `"${HEIMDALL_REDIS_URL:-}"` turns a store on from the environment.
 *
 * @module
 */
import { z } from 'zod'

const redisPattern = /^(?:rediss?:\/\/\S+)?$/
const postgresPattern = /^(?:(?:postgres|postgresql):\/\/\S+|embedded:\S+)?$/

/** `stores:`; `undefined` for a store that is not there. */
export const storesSchema = z.strictObject({
  redis: z
    .string('must be a redis:// or rediss:// URL')
    .regex(redisPattern, 'must be a redis:// or rediss:// URL, or empty')
    .optional()
    .transform((url) => (url === '' ? undefined : url))
    .meta({ description: 'Redis or Valkey URL: shared cache and shared limits. Empty: each process on its own.' }),
  postgres: z
    .string('must be a postgres:// URL')
    .regex(postgresPattern, 'must be a postgres:// URL, embedded:FOLDER, or empty')
    .optional()
    .transform((url) => (url === '' ? undefined : url))
    .meta({
      description:
        'Postgres URL: sessions, API keys, grants. `embedded:FOLDER` runs PGlite in the process, for trying out. Empty: token claims only.',
    }),
})
