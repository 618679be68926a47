/**
 * A limit as the file writes it: how often, counted by what, and what happens when the shared counters are away.
 *
 * @module
 */
import { z } from 'zod'

import { rate } from '#values/units.ts'

import { limitKey, limitKeys } from './keys.ts'

const LONGEST_PERIOD = 31 * 86_400_000

const key = z
  .string()
  .refine(
    (word) => limitKey(word) !== undefined,
    `must be ${limitKeys.map(({ name }) => name).join(', ')} (no header that holds a credential)`,
  )

const by = z
  .union([key, z.array(key).min(1).max(4)])
  .transform((written) => (typeof written === 'string' ? [written] : written))
  .refine((keys) => new Set(keys).size === keys.length, 'names a key twice')

const clientPrefix = z.strictObject({
  ipv4: z.int().min(8).max(32).default(32).meta({ description: 'Leading bits of an IPv4 address that make a client.' }),
  ipv6: z
    .int()
    .min(16)
    .max(128)
    .default(64)
    .meta({ description: 'Leading bits of an IPv6 address that make a client.' }),
})

/** One entry of `limits:`, or a limit written on a route. */
export const limitSchema = z.strictObject({
  allow: rate()
    .refine(({ period }) => period <= LONGEST_PERIOD, 'must have a period of at most 31d')
    .meta({ description: 'Most requests in any stretch of one period, such as 100/min or 5/10s.' }),
  by: by.meta({
    description: `What is counted apart: ${limitKeys.map(({ name }) => name).join(', ')}, or a list of these for one count per combination.`,
  }),
  on_store_down: z.enum(['local', 'allow', 'deny']).default('local').meta({
    description: 'While Redis is away: count in this gateway alone, let everything through, or refuse with 503.',
  }),
  report: z.boolean().default(false).meta({
    description: 'Tells clients in RateLimit headers on every answer, not only on 429.',
  }),
  shared: z.boolean().optional().meta({
    description: 'Counts in Redis, together with other gateways. Default true when Redis is configured.',
  }),
  client_prefix: clientPrefix.prefault({}).meta({ description: 'Which addresses count as one client.' }),
})

/** A limit with every default filled in; the period in milliseconds, `by` always a list. */
export type LimitOptions = z.output<typeof limitSchema>

/** True when the limit is checked before authentication: all its keys are `client` or headers. */
export function beforeIdentity(limit: Pick<LimitOptions, 'by'>): boolean {
  return limit.by.every((word) => limitKey(word)?.needs === 'request')
}

/** True when a key of the limit is about who asks, so that it means nothing on a public route. */
export function needsIdentity(limit: Pick<LimitOptions, 'by'>): boolean {
  return limit.by.some((word) => limitKey(word)?.needs === 'identity')
}
