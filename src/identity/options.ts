/**
 * Schema of `identity: { headers }`: a preset, or a map of claim → header.
 *
 * @module
 */
import { z } from 'zod'

import { collapse, hopByHop } from '#request/fields.ts'

import type { IdentityHeader } from './header.ts'
import { presets, type PresetName } from './presets.ts'

const token = /^(?=.*[A-Za-z0-9])[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,64}$/ // RFC 9110 §5.6.2
const names = ['heimdall', 'oauth2-proxy', 'remote-user', 'kong'] as const satisfies readonly PresetName[]

/** Headers with a meaning of their own on the way to a service, in the form that `collapse` gives them. */
const taken: ReadonlySet<string> = new Set(
  [
    ...hopByHop,
    'host',
    'authorization',
    'cookie',
    'set-cookie',
    'expect',
    'via',
    'content-length',
    'content-type',
    'content-encoding',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-forwarded-port',
    'forwarded',
    'x-request-id',
    'traceparent',
    'tracestate',
  ].map(collapse),
)

const headerName = z
  .string('must be the name of a header')
  .regex(token, 'must be the name of a header, such as X-User')
  .refine(
    (name) => !token.test(name) || !taken.has(collapse(name)),
    'is a header that carries something else and cannot carry identity',
  )

function noTwoCollapse(map: Readonly<Record<string, string>>): boolean {
  const collapsed = Object.values(map).map(collapse)
  return new Set(collapsed).size === collapsed.length
}

const headerMap = z
  .record(z.string().min(1, 'must be a claim, such as email'), headerName)
  .refine(noTwoCollapse, 'names one header twice (services may read `-`, `_` and `.` as the same)')

/** Schema of `headers`. */
export const identityHeadersSchema = z
  .union([z.enum(names), headerMap])
  .meta({ description: 'Headers that carry the identity to the service: a preset, or a map of claim to header.' })

/** A preset's name, or claim → header. */
export type IdentityHeaders = z.output<typeof identityHeadersSchema>

/** The headers that an option stands for. */
export function headersOf(option: IdentityHeaders): readonly IdentityHeader[] {
  if (typeof option === 'string') return presets[option]
  return Object.entries(option).map(([source, name]) => ({ name, source }))
}
