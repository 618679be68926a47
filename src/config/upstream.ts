/**
 * Schema of an upstream: one service and how it is reached.
 *
 * @module
 */
import { z } from 'zod'

import { httpUrl } from '#values/network.ts'
import { share } from '#values/share.ts'
import { duration } from '#values/units.ts'

const targetUrl = () =>
  httpUrl().refine((url) => !url.includes('?'), 'must have no query: a path goes before every request, a query cannot')

const target = z.union([
  targetUrl(),
  z.strictObject({
    url: targetUrl().meta({ description: 'Where the service listens.' }),
    weight: z
      .int()
      .min(1)
      .max(100)
      .default(1)
      .meta({ description: 'Share of the traffic relative to the other targets.' }),
  }),
])

const timeout = z.strictObject({
  connect: duration({ min: '10ms', max: '1m' }).prefault('1s').meta({ description: 'How long a connection may take.' }),
  headers: duration({ min: '10ms', max: '1h' })
    .prefault('30s')
    .meta({ description: 'How long the upstream may take until the head of its answer.' }),
  idle: duration({ min: '100ms', max: '1d' }).prefault('1m').meta({
    description: 'How long an answer may pause; event streams and upgraded connections are never cut for it.',
  }),
})

const breaker = z.strictObject({
  errors: share().prefault('50%').meta({ description: 'Share of failed attempts that opens the breaker.' }),
  of_at_least: z.int().min(1).default(20).meta({ description: 'Attempts in the window before the share counts.' }),
  window: duration({ min: '1s', max: '10m' }).prefault('10s').meta({ description: 'How far back attempts count.' }),
  open_for: duration({ min: '100ms', max: '10m' })
    .prefault('5s')
    .meta({ description: 'How long an open breaker lets nothing through.' }),
})

const balance = z
  .string()
  .regex(
    /^(?:round_robin|least_pending|hash\((?:subject|client)\))$/,
    'must be round_robin, least_pending, hash(subject) or hash(client)',
  )

const fullUpstream = z.strictObject({
  targets: z.array(target).min(1).meta({ description: 'Where the service listens; several are balanced.' }),
  tls: z
    .strictObject({ ca: z.string().min(1).meta({ description: 'File with the certificates to trust, PEM.' }) })
    .optional()
    .meta({ description: 'How https targets are checked; the system certificates when absent.' }),
  balance: balance.default('least_pending').meta({ description: 'How a target is picked.' }),
  timeout: timeout.prefault({}).meta({ description: 'How long the upstream may take, step by step.' }),
  breaker: breaker.prefault({}).meta({ description: 'When an upstream that fails is left alone for a moment.' }),
  host: z
    .enum(['pass', 'upstream'])
    .default('pass')
    .meta({ description: "`pass` sends the client's Host, `upstream` the target's." }),
  connections: z
    .int()
    .min(1)
    .max(10_000)
    .default(1024)
    .meta({ description: 'Most connections per target; each open event stream holds one.' }),
})

/** `orders: http://127.0.0.1:3000`, or the same with options. */
export const upstreamSchema = z.union([targetUrl(), fullUpstream]).transform((written) => {
  const options = typeof written === 'string' ? fullUpstream.parse({ targets: [written] }) : written
  const targets = options.targets.map((one) => (typeof one === 'string' ? { url: one, weight: 1 } : one))
  return { ...options, targets }
})

/** An upstream with every default filled in; all times in milliseconds. */
export type UpstreamOptions = z.output<typeof upstreamSchema>
