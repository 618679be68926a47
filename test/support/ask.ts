/**
 * One request to a gateway, byte for byte, and its answer.
 *
 * @module
 */
import assert from 'node:assert/strict'

import { exchange, type RawResponse } from './raw-client.ts'

/** By name, or as pairs where a name stands twice. */
export type AskHeaders = Readonly<Record<string, string>> | readonly (readonly [string, string])[]

/** A request as latin1 text: `line` is its method and target; `Host` is `gateway.test` and the length is told unless `headers` say so. */
export function requestBytes(line: string, headers: AskHeaders = {}, body = ''): string {
  const pairs: (readonly [string, string])[] = Array.isArray(headers) ? [...headers] : Object.entries(headers)
  const says = (name: string) => pairs.some(([one]) => one.toLowerCase() === name)
  const framed = body === '' || says('transfer-encoding') || says('content-length')
  const all = [
    ...(says('host') ? [] : [['Host', 'gateway.test'] as const]),
    ...pairs,
    ...(framed ? [] : [['Content-Length', String(body.length)] as const]),
  ]
  return [`${line} HTTP/1.1`, ...all.map(([name, value]) => `${name}: ${value}`), '', body].join('\r\n')
}

/** Sends a request on a connection of its own. */
export function ask(at: { port: number }, line: string, headers: AskHeaders = {}, body = ''): Promise<RawResponse> {
  return exchange(at.port, requestBytes(line, headers, body))
}

/** Status and code of an answer: `401 no_credentials` for a refusal of ours, `200` for anything else. */
export function outcomeOf(response: RawResponse): string {
  if (response.header('content-type') !== 'application/problem+json') return String(response.status)
  const problem = JSON.parse(response.text) as { status: number; code: string }
  assert.equal(problem.status, response.status)
  return `${response.status} ${problem.code}`
}
