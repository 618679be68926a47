/**
 * The bytes of a WebSocket handshake (RFC 6455 §1.3), for raw clients and raw upstreams.
 *
 * @module
 */
import { requestBytes, type AskHeaders } from './ask.ts'
import type { Answer } from './upstream.ts'

/** What a client sends besides what is its own. */
export const handshake = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
} as const

/** The head that takes the handshake up. */
export const SWITCHING = [
  'HTTP/1.1 101 Switching Protocols',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  '',
  '',
].join('\r\n')

/** A client's handshake on a path. */
export function hello(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const all: AskHeaders = { ...handshake, ...headers }
  return requestBytes(`GET ${path}`, all)
}

/** Takes the handshake up, and leaves its half open when the client ends the other. */
export const accept: Answer = (_, connection) => {
  connection.staysOpen = true
  connection.socket.write(SWITCHING)
}
