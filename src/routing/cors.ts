/**
 * CORS (Fetch standard §3.2): which pages of other origins may read a route's answers.
 *
 * The gateway answers for the service: it answers preflights itself and replaces whatever `Access-Control-*`
 * the service says. Everything that does not depend on the request is made once.
 *
 * @module
 */
import { z } from 'zod'

import { header, headerValues, type Incoming } from '#request/incoming.ts'
import { deny, pass, type Verdict } from '#request/verdict.ts'
import { duration } from '#values/units.ts'

type Fields = Readonly<Record<string, string>>

const origin = z.string().refine(isOrigin, 'must be an origin such as https://app.example (no path), or *')
const methodPattern = /^[A-Z][A-Z-]{0,31}$/
const method = z.string().regex(methodPattern, 'must be a method such as GET')
const field = z.string().regex(/^[A-Za-z0-9][\w-]*$/, 'must be a header name')

function isOrigin(text: string): boolean {
  if (text === '*') return true
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text
}

/** Schema of a route's `cors`. */
export const corsOptions = z
  .strictObject({
    origins: z.array(origin).min(1).meta({ description: 'Origins whose pages may read answers; `*` stands alone.' }),
    methods: z
      .array(method)
      .min(1)
      .optional()
      .meta({ description: 'Methods that preflights allow; those of the route when absent.' }),
    headers: z
      .array(field)
      .default(['Authorization', 'Content-Type'])
      .meta({ description: 'Request headers that preflights allow.' }),
    expose: z.array(field).default([]).meta({ description: 'Response headers that pages may read.' }),
    credentials: z.boolean().default(false).meta({ description: 'Whether pages may send cookies; never with `*`.' }),
    max_age: duration({ max: '1d' })
      .default(600_000)
      .meta({ description: 'How long browsers may remember a preflight.' }),
  })
  .refine(({ origins }) => !origins.includes('*') || origins.length === 1, {
    path: ['origins'],
    error: '`*` must stand alone',
  })
  .refine(({ origins, credentials }) => !credentials || !origins.includes('*'), {
    path: ['credentials'],
    error: 'needs a list of origins: `*` would let every page act for the user',
  })

export type CorsOptions = z.output<typeof corsOptions>

/** Response headers to take from an upstream's answer before ours are added; in lower case. */
export const corsResponseNames: readonly string[] = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-private-network',
  'access-control-expose-headers',
  'access-control-max-age',
]

export interface Cors {
  /** Origins that may act with the user's cookies: what `originAllowed` takes. */
  readonly credentialed: readonly string[]
  /**
   * Headers of the 204 that answers a preflight.
   *
   * @param methods of the matched route; undefined: whatever was asked for
   * @denies origin_denied for an origin that is not listed
   * @denies header_invalid for a requested method that is none
   */
  preflight(request: Incoming, methods: readonly string[] | undefined): Verdict<Fields>
  /** Headers to add to every other answer, refusals too; `Vary` joins the upstream's. */
  responseHeaders(request: Incoming): Fields
}

/** True for `OPTIONS` requests in which a browser asks leave for another one. */
export function isPreflight(request: Incoming): boolean {
  return (
    request.method === 'OPTIONS' &&
    header(request, 'origin') !== undefined &&
    header(request, 'access-control-request-method') !== undefined
  )
}

/** Compiles the `cors` of a route. */
export function compileCors(options: CorsOptions): Cors {
  const grants = new Map(options.origins.map((one) => [one, grant(one, options)]))
  const expose: Fields =
    options.expose.length === 0 ? {} : { 'Access-Control-Expose-Headers': options.expose.join(', ') }
  const answers = new Map([...grants].map(([one, fields]) => [one, { ...fields, ...expose, Vary: 'Origin' }]))
  const anyone = grants.get('*')
  const stranger: Fields = anyone === undefined ? { Vary: 'Origin' } : { ...anyone, ...expose }
  const fixed: Fields = {
    ...(options.headers.length > 0 && { 'Access-Control-Allow-Headers': options.headers.join(', ') }),
    'Access-Control-Max-Age': String(Math.floor(options.max_age / 1000)),
    Vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  }

  return {
    credentialed: options.credentials ? options.origins : [],
    preflight(request, methods) {
      const granted = anyone ?? grants.get(soleOrigin(request) ?? '')
      if (granted === undefined) return deny('origin_denied', 'preflight of an origin that cors does not list')
      const asked = header(request, 'access-control-request-method') ?? ''
      if (!methodPattern.test(asked)) return deny('header_invalid', 'Access-Control-Request-Method is no method')
      const offered = options.methods ?? methods ?? [asked]
      return pass({ ...granted, 'Access-Control-Allow-Methods': offered.join(', '), ...fixed })
    },
    responseHeaders: (request) => answers.get(soleOrigin(request) ?? '') ?? stranger,
  }
}

function grant(origin: string, { credentials }: CorsOptions): Fields {
  return {
    'Access-Control-Allow-Origin': origin,
    ...(credentials && { 'Access-Control-Allow-Credentials': 'true' }),
  }
}

function soleOrigin(request: Incoming): string | undefined {
  const origins = headerValues(request, 'origin')
  return origins.length === 1 ? origins[0] : undefined
}
