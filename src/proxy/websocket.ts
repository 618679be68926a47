/**
 * The WebSocket handshake (RFC 6455 §4): the one upgrade that is let through, and only when both sides mean it.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

import { headerValues, type Incoming } from '#request/incoming.ts'
import { deny, pass, type Verdict } from '#request/verdict.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const keyPattern = /^[A-Za-z0-9+/]{21}[AQgw]==$/ // 16 bytes

/**
 * Reads a client's handshake.
 *
 * @param early bytes that came behind the head: a client must wait for the 101, so they can only be something hidden
 * @returns the value of `Sec-WebSocket-Key`
 * @denies upgrade_invalid for everything but a plain WebSocket handshake, `h2c` above all
 */
export function readHandshake(request: Incoming, early: Uint8Array): Verdict<string> {
  const values = (name: string) => headerValues(request, name)
  const [key = ''] = values('sec-websocket-key')
  if (request.method !== 'GET' || request.legacy) return invalid('not a GET of HTTP/1.1')
  if (request.body !== 0 || early.length > 0) return invalid('a body or bytes behind the head')
  if (values('upgrade').join(',').toLowerCase() !== 'websocket') return invalid('another protocol than websocket')
  if (!hasToken(values('connection'), 'upgrade')) return invalid('no Connection: Upgrade')
  if (values('sec-websocket-key').length !== 1 || !keyPattern.test(key)) return invalid('no Sec-WebSocket-Key')
  if (values('sec-websocket-version').join(',') !== '13') return invalid('another Sec-WebSocket-Version than 13')
  return pass(key)
}

/** Whether a 101 is the answer to this key: nothing else turns the connections into a tunnel. */
export function isAccepted(status: number | undefined, headers: IncomingHttpHeaders, key: string): boolean {
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  return (
    status === 101 &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    hasToken([headers.connection ?? ''], 'upgrade') &&
    headers['sec-websocket-accept'] === accept
  )
}

function invalid(note: string) {
  return deny('upgrade_invalid', note, { 'Sec-WebSocket-Version': '13' })
}

function hasToken(values: readonly string[], token: string): boolean {
  return values
    .join(',')
    .toLowerCase()
    .split(',')
    .some((one) => one.trim() === token)
}
