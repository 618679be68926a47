/**
 * `100 Continue` from upstreams, which nobody asked for: the gateway keeps `Expect` to itself.
 *
 * Such an answer may be discarded (RFC 9110 §15.2.1), but undici breaks the connection off. So its parser is told of
 * another 1xx status instead, which the relay counts and passes over.
 *
 * @module
 */
import type { Socket } from 'node:net'

/** Stands for the 100; no such status is registered. */
export const UNASKED_CONTINUE = 199

/** What we know of undici's parser; it is not part of its interface. */
interface Parser {
  onHeadersComplete(status: number, upgrade: boolean, keepAlive: boolean): number
}

/** Lets a connection that undici has taken over survive a 100; where undici has changed, it ends as before. */
export function surviveContinue(socket: Socket): void {
  const parser = parserOf(socket)
  if (parser === undefined) return
  const told = parser.onHeadersComplete.bind(parser)
  parser.onHeadersComplete = (status, upgrade, keepAlive) =>
    told(status === 100 ? UNASKED_CONTINUE : status, upgrade, keepAlive)
}

function parserOf(socket: Socket): Parser | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser')
  const parser: unknown = key === undefined ? undefined : Reflect.get(socket, key)
  return isParser(parser) ? parser : undefined
}

function isParser(value: unknown): value is Parser {
  return (
    typeof value === 'object' &&
    value !== null &&
    'onHeadersComplete' in value &&
    typeof value.onHeadersComplete === 'function'
  )
}
