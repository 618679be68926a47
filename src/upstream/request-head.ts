/**
 * The head of a request as text (RFC 9112 §3): nothing that would read as more than it is gets out.
 *
 * @module
 */
import { isToken, perSpelling } from '#request/fields.ts'

import type { RequestHead } from './exchange.ts'

const notInTarget = /[^\x21-\xff]|\x7f/
const notInValue = /[^\t\x20-\x7e\x80-\xff]/
/** Methods whose requests announce that they have no body (RFC 9110 §8.6). */
const expectsBody: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH'])

const isName = perSpelling(isToken)

/**
 * Writes a head down, its empty line included.
 *
 * @param persistent whether the connection is to be kept
 * @throws TypeError for a method, target, name or value that no request may have
 */
export function writeHead({ method, path, host, fields, body }: RequestHead, persistent: boolean): string {
  if (!isName(method)) throw new TypeError('no method')
  if (path[0] !== '/' && path !== '*') throw new TypeError('a target that is no path')
  if (notInTarget.test(path)) throw new TypeError('a target with spaces or control characters')
  if (notInValue.test(host)) throw new TypeError('a control character in host')
  const connection = persistent ? 'keep-alive' : 'close'
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: ${connection}\r\n`
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    const value = fields[index + 1] ?? ''
    if (!isName(name)) throw new TypeError('a field whose name is no token')
    if (notInValue.test(value)) throw new TypeError(`a control character in ${name}`)
    text += `${name}: ${value}\r\n`
  }
  if (body === 'chunked') return `${text}transfer-encoding: chunked\r\n\r\n`
  if (body > 0 || expectsBody.has(method)) return `${text}content-length: ${body}\r\n\r\n`
  return `${text}\r\n`
}
