/**
 * Answers of the gateway itself: refusals as problem details (RFC 9457), and empty answers such as preflights.
 *
 * All texts come from the closed table of denials, so a client learns the code and nothing else;
 * a refused request's body is read for a moment, so that the client sees the answer instead of a reset.
 *
 * @module
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

import { denials, type Denial, type DenialCode } from '#request/denial.ts'
import type { Deny } from '#request/verdict.ts'

import { answerEarly, type EarlyAnswer } from './linger.ts'
import { STATUS_CODES } from './node-http.ts'
import { expectTaken } from './taken.ts'

const LONGEST_FAREWELL = 2000 // milliseconds a socket may take to carry its last answer

/** What an answer needs to know besides the refusal. */
export interface RefusalContext {
  /** Of the alphabet `[A-Za-z0-9._-]`. */
  readonly request_id: string
  /** Value of `WWW-Authenticate`. */
  readonly challenge?: string | undefined
  /** Further headers, for instance those of CORS. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Body of a code up to the request id, which closes it. */
const bodies = new Map<DenialCode, string>()
for (const [code, denial] of Object.entries(denials) as [DenialCode, Denial][]) {
  const { title, status, detail } = denial
  const problem = { type: `urn:heimdall:problem:${code}`, title, status, detail, code }
  bodies.set(code, `${JSON.stringify(problem).slice(0, -1)},"request_id":"`)
}

/** Puts a refusal into words: status, headers and body. */
export function composeRefusal(refusal: Deny, { request_id, challenge, headers }: RefusalContext): EarlyAnswer {
  const denial: Denial = denials[refusal.code]
  const body = `${bodies.get(refusal.code)}${request_id}"}`
  const composed: OutgoingHttpHeaders = {
    'Content-Type': 'application/problem+json',
    'Content-Length': body.length, // ASCII: the table's texts and the id's alphabet
    'Cache-Control': 'no-store',
  }
  if (denial.retry_after !== undefined) composed['Retry-After'] = String(denial.retry_after)
  if (challenge !== undefined) composed['WWW-Authenticate'] = challenge
  return { status: denial.status, headers: { ...composed, ...headers, ...refusal.headers }, body }
}

/** Refusals of what others could cut into requests differently: what stands behind is nobody's (RFC 9112 §6.3). */
const ambiguous: ReadonlySet<DenialCode> = new Set(['framing_invalid', 'header_duplicate'])

/**
 * Answers a request with a refusal. Once an answer has begun it can only be broken off, never amended:
 * the connection is cut, so that the client does not take half an answer for a whole one.
 */
export function refuse(response: ServerResponse, refusal: Deny, context: RefusalContext): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  if (ambiguous.has(refusal.code)) response.shouldKeepAlive = false
  send(response, composeRefusal(refusal, context))
}

/** Answers with a status and headers alone: preflights and `OPTIONS *`. */
export function answer(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  const length = status === 204 ? {} : { 'Content-Length': 0 }
  send(response, { status, headers: { ...length, 'Cache-Control': 'no-store', ...headers }, body: '' })
}

function send(response: ServerResponse, answer: EarlyAnswer): void {
  const request = response.req
  if (request.complete || !hasBody(request.headers)) response.writeHead(answer.status, answer.headers).end(answer.body)
  else answerEarly(response, answer)
  expectTaken(response)
}

function hasBody(headers: NodeJS.Dict<string | string[]>): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

/** Refuses on a bare socket, where node:http has no response object: broken requests, `CONNECT`, upgrades. Closes the connection. */
export function refuseSocket(socket: Duplex, refusal: Deny, context: RefusalContext): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, body } = composeRefusal(refusal, context)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}Connection: close\r\n\r\n`
  const timer = setTimeout(() => socket.destroy(), LONGEST_FAREWELL)
  timer.unref()
  socket.end(head + body, () => {
    clearTimeout(timer)
    socket.destroy()
  })
}
