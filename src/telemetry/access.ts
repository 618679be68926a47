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
import { perSpelling } from '#request/fields.ts'
import type { Principal } from '#request/principal.ts'

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
  /** The target that answered, such as `http://127.0.0.1:3000`. */
  readonly target?: string | undefined
}

/** `.000` to `.999`. */
const thousandths = Array.from({ length: 1000 }, (_, index) => `.${String(index).padStart(3, '0')}`)
/** Each stage with each time below a millisecond, which almost all are; joined, because V8 would keep a sum as its parts. */
const shortStages = stages.map((stage) => thousandths.map((fraction) => [',"', stage, '_ms":0', fraction].join('')))

/** Microseconds of a time in milliseconds; never negative. */
function microseconds(value: number): number {
  return Math.max(0, Math.round(value * 1000))
}

/** Milliseconds rounded to microseconds. */
function milliseconds(value: number): string {
  const micros = microseconds(value)
  const whole = Math.floor(micros / 1000)
  return `${whole}${thousandths[micros - whole * 1000]}`
}

function text(field: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${field}":${jsonText(value)}`
}

/** Makes the writer of a field whose values come again and again: each is spelled out once, field and all. */
function known(field: string): (value: string | undefined) => string {
  const spelled = perSpelling((value) => [',"', field, '":', jsonText(value)].join(''))
  return (value) => (value === undefined ? '' : spelled(value))
}

const route = known('route')
const method = known('method')
const outcome = known('outcome')
const client = known('client')
const authenticator = known('authenticator')
const cache = known('cache')
const target = known('target')

/** Path of a target without query, fragment and user information, which may hold secrets. */
function pathOf(url: string): string {
  const path = before(before(url, '?'), '#')
  return path.startsWith('/') ? path : path.replace(/\/\/[^/]*@/, '//')
}

function before(text: string, mark: string): string {
  const end = text.indexOf(mark)
  return end === -1 ? text : text.slice(0, end)
}

/** Principals are frozen and shared by requests, so each is spelled out once. */
const spelled = new WeakMap<Principal, string>()

function who(principal: Principal): string {
  const before = spelled.get(principal)
  if (before !== undefined) return before
  const { issuer, subject, client } = principal
  const fields = [text('issuer', issuer), text('subject', subject), text('client_id', client)].join('')
  spelled.set(principal, fields)
  return fields
}

/** Who asked, and what answered the question. */
function identity(evidence: Evidence): string {
  const { principal, cache_age } = evidence
  let fields = authenticator(evidence.authenticator)
  if (principal !== undefined) fields += who(principal)
  fields += cache(evidence.cache)
  if (cache_age !== undefined) fields += `,"cache_age_ms":${Math.round(cache_age)}`
  return evidence.stale ? `${fields},"stale":true` : fields
}

function limits(evidence: Evidence): string {
  const refusing = evidence.limits.length === 0 ? undefined : evidence.limits.find((report) => !report.allowed)
  return text('limit', refusing?.limit) + text('shadow', evidence.shadow)
}

function stageTime(index: number, spent: number): string {
  const short = shortStages[index]?.[microseconds(spent)]
  return short ?? `,"${stages[index]}_ms":${milliseconds(spent)}`
}

function times(evidence: Evidence, ending: Ending): string {
  let fields = ''
  for (let index = 0; index < stages.length; index += 1) {
    const spent = evidence.timings[index] ?? Number.NaN
    if (!Number.isNaN(spent)) fields += stageTime(index, spent)
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
    `{"level":"info","time":${time},"request_id":"${evidence.request_id}","trace":"${evidence.trace_id}"` +
    route(evidence.route) +
    method(ending.method) +
    `,"path":${jsonText(pathOf(ending.url))},"status":${ending.status}` +
    outcome(ending.outcome) +
    text('note', ending.note) +
    client(evidence.client) +
    identity(evidence) +
    limits(evidence) +
    times(evidence, ending) +
    (ending.bytes === undefined ? '' : `,"bytes":${ending.bytes}`) +
    target(ending.target) +
    ',"msg":"request"}\n'
  )
}
