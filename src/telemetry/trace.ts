/**
 * Names of a request: its trace (W3C Trace Context, level 1) and its request id.
 *
 * What arrives is believed from trusted proxies only; any other request starts a trace of its own,
 * so that no client chooses the names under which an operator will look for it.
 *
 * @module
 */
import { randomFillSync } from 'node:crypto'

import { headerValues, type Incoming } from '#request/incoming.ts'

export interface Trace {
  /** 32 hex digits. */
  readonly trace_id: string
  /** Span of the caller, 16 hex digits; absent when the trace starts here. */
  readonly parent_id: string | undefined
  /** Our own span, 16 hex digits. */
  readonly span_id: string
  readonly sampled: boolean
  /** `traceparent` to send upstream. */
  readonly traceparent: string
  /** `tracestate` to send upstream: as received, or absent. */
  readonly tracestate: string | undefined
}

const requestIdPattern = /^[\w.-]{8,128}$/
const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
/** `key=value`; the value may not end in a space and holds neither comma nor `=`. */
const memberPattern =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const LONGEST_STATE = 512
const MOST_MEMBERS = 32
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

const pool = Buffer.alloc(2040)
/** The pool in hex. Small, since what is cut out of it keeps the whole of it: for a tunnel, as long as that lasts. */
let digits = ''
let used = 0

/** Random hex digits from a pool that is filled for many requests at once. */
function randomHex(length: number): string {
  if (used + length > digits.length) {
    digits = randomFillSync(pool).toString('hex')
    used = 0
  }
  used += length
  return digits.slice(used - length, used)
}

/** A new request id: 24 hex digits. */
export function newRequestId(): string {
  return randomHex(24)
}

/**
 * The id of a request: its `X-Request-Id` when the peer is trusted and the value is well-formed, a new one otherwise.
 *
 * @param trusted whether the TCP peer is one of `trusted_proxies`
 */
export function requestId(request: Incoming, trusted: boolean): string {
  const received = trusted ? single(request, 'x-request-id') : undefined
  return received !== undefined && requestIdPattern.test(received) ? received : newRequestId()
}

/**
 * Starts a trace. It is marked as sampled: services that follow the flag would otherwise stop recording
 * the moment a gateway stands before them.
 */
export function newTrace(): Trace {
  return child(randomHex(32), undefined, randomHex(16), true)
}

/**
 * Continues the trace a request brought when its peer is trusted and `traceparent` is well-formed; starts one otherwise.
 *
 * @param trusted whether the TCP peer is one of `trusted_proxies`
 */
export function traceFrom(request: Incoming, trusted: boolean): Trace {
  const parent = trusted ? parseTraceparent(single(request, 'traceparent')) : undefined
  if (parent === undefined) return newTrace()
  const trace = child(parent.trace_id, parent.parent_id, randomHex(16), parent.sampled)
  return { ...trace, tracestate: parseTracestate(headerValues(request, 'tracestate')) }
}

function child(trace_id: string, parent_id: string | undefined, span_id: string, sampled: boolean): Trace {
  const traceparent = `00-${trace_id}-${span_id}-${sampled ? '01' : '00'}`
  return { trace_id, parent_id, span_id, sampled, traceparent, tracestate: undefined }
}

/** A header that stands twice counts as absent: two values are two opinions. */
function single(request: Incoming, name: string): string | undefined {
  const index = request.names.indexOf(name)
  if (index === -1 || request.names.includes(name, index + 1)) return undefined
  return request.values[index]
}

interface Parent {
  readonly trace_id: string
  readonly parent_id: string
  readonly sampled: boolean
}

/** §3.2: version 00 has exactly four fields; a later version may append some; all zeros name nothing. */
function parseTraceparent(value = ''): Parent | undefined {
  const [, version, trace_id = NO_TRACE, parent_id = NO_SPAN, flags = '00', more] = traceparentPattern.exec(value) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (trace_id === NO_TRACE || parent_id === NO_SPAN) return undefined
  return { trace_id, parent_id, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** §3.3: several headers are one list; one bad, doubled or excess member spoils it all. */
function parseTracestate(lines: readonly string[]): string | undefined {
  const joined = lines.join(',')
  if (joined.length > LONGEST_STATE) return undefined
  const members = joined.split(',').map((member) => member.trim())
  const listed = members.filter((member) => member !== '')
  const keys = new Set(listed.map((member) => member.slice(0, member.indexOf('='))))
  const sound = listed.every((member) => memberPattern.test(member)) && keys.size === listed.length
  return sound && listed.length > 0 && listed.length <= MOST_MEMBERS ? listed.join(',') : undefined
}
