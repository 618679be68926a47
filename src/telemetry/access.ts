/**
 * The access line: one JSON line per request, at its end.
 *
 * Built by hand instead of by pino's serializer, for it is written on every request; escaping stays in `json.ts`.
 * Neither credentials nor the query string have a field here.
 *
 * @module
 */
import type { DenialCode } from '#request/denial.ts'
import { stages, type Evidence } from '#request/evidence.ts'

import { jsonText } from './json.ts'

/** How a request ended: `pass` when it was forwarded, else why not. */
export type Outcome = 'pass' | DenialCode

/** What is known of a request when its answer is out; the evidence tells the rest. */
export interface Ending {
  readonly method: string
  /** The request target as received. */
  readonly url: string
  readonly status: number
  readonly outcome: Outcome
  /** `note` of the refusal. */
  readonly note?: string | undefined
  /** Milliseconds from the head of the request to the end of the answer. */
  readonly total_ms: number
  /** Milliseconds from sending upstream to the head of its answer; NaN when none came. */
  readonly upstream_ms?: number
  /** Bytes of the answer's body. */
  readonly bytes?: number | undefined
  /** The target that answered, as `host:port`. */
  readonly target?: string | undefined
}

/** `.000` to `.999`. */
const thousandths = Array.from({ length: 1000 }, (_, index) => `.${String(index).padStart(3, '0')}`)
const stageFields = stages.map((stage) => `,"${stage}_ms":`)

/** Milliseconds rounded to microseconds; never negative. */
function milliseconds(value: number): string {
  const micros = Math.max(0, Math.round(value * 1000))
  const whole = Math.floor(micros / 1000)
  return `${whole}${thousandths[micros - whole * 1000]}`
}

function text(field: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${field}":${jsonText(value)}`
}

/** Path of a target without query, fragment and user information, which may hold secrets. */
function pathOf(url: string): string {
  const end = url.search(/[?#]/)
  const path = end === -1 ? url : url.slice(0, end)
  return path.startsWith('/') ? path : path.replace(/\/\/[^/]*@/, '//')
}

/** Who asked, and what answered the question. */
function identity(evidence: Evidence): string {
  const { principal, cache_age } = evidence
  let fields = text('authenticator', evidence.authenticator)
  if (principal !== undefined) {
    fields +=
      text('issuer', principal.issuer) + text('subject', principal.subject) + text('client_id', principal.client)
  }
  fields += text('cache', evidence.cache)
  if (cache_age !== undefined) fields += `,"cache_age_ms":${Math.round(cache_age)}`
  return evidence.stale ? `${fields},"stale":true` : fields
}

function limits(evidence: Evidence): string {
  const refusing = evidence.limits.find((report) => !report.allowed)
  return text('limit', refusing?.limit) + text('shadow', evidence.shadow)
}

function times(evidence: Evidence, ending: Ending): string {
  let fields = ''
  for (let index = 0; index < stageFields.length; index += 1) {
    const spent = evidence.timings[index] ?? Number.NaN
    if (!Number.isNaN(spent)) fields += `${stageFields[index]}${milliseconds(spent)}`
  }
  const { upstream_ms = Number.NaN } = ending
  if (!Number.isNaN(upstream_ms)) fields += `,"upstream_ms":${milliseconds(upstream_ms)}`
  return `${fields},"total_ms":${milliseconds(ending.total_ms)}`
}

/**
 * Builds the line of one request, with its newline.
 *
 * @param time milliseconds since the epoch
 */
export function accessLine(evidence: Evidence, ending: Ending, time: number): string {
  return (
    `{"level":"info","time":${time},"request_id":${jsonText(evidence.request_id)},"trace":"${evidence.trace_id}"` +
    text('route', evidence.route) +
    `,"method":${jsonText(ending.method)},"path":${jsonText(pathOf(ending.url))},"status":${ending.status}` +
    `,"outcome":"${ending.outcome}"` +
    text('note', ending.note) +
    text('client', evidence.client) +
    identity(evidence) +
    limits(evidence) +
    times(evidence, ending) +
    (ending.bytes === undefined ? '' : `,"bytes":${ending.bytes}`) +
    text('target', ending.target) +
    ',"msg":"request"}\n'
  )
}
