/**
 * The WebSocket handshake with a backend, by http-proxy-3, which makes the request and pipes the tunnel.
 *
 * Left alone it copies what the client sent, believes any 101 and relays other answers without backpressure.
 * So it is given a request of our own making, and its listeners are taken over before a byte can come:
 * its `upgrade` listener runs when a 101 has proved right, the others never.
 *
 * @module
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { createProxyServer } from 'http-proxy-3'

import { MOST_HEAD, type Fields } from '#upstream/answer-head.ts'

import type { Backend } from './backend.ts'
import { lowered } from './response-fields.ts'

/** The request as the backend shall see it. */
export interface HandshakeRequest {
  readonly path: string
  readonly host: string
  /** Names and values in turn, `Sec-WebSocket-*` among them. */
  readonly fields: readonly string[]
}

/** What may come of it; the last three end it, and one of them is called, once. */
export interface HandshakeEvents {
  /** A 1xx other than 100 and 101. */
  interim(status: number, fields: Fields): void
  /** A 101; `tunnel` relays its head with these fields, names and values in turn, and joins the two connections. */
  upgraded(answer: IncomingMessage, upstream: Socket, tunnel: (fields: Fields) => void): void
  /** Any other answer; its body is still to be read. */
  answered(answer: IncomingMessage): void
  /** `connected`: whether the request was on a connection by then. */
  failed(error: Error, connected: boolean): void
}

const proxy = createProxyServer({ prependPath: false, toProxy: true })
proxy.on('error', () => {}) // errors of sockets that are ours to watch

/** Sends the handshake. Nothing is read from or written to the client before `tunnel` is called. */
export function handshake(
  backend: Backend,
  request: HandshakeRequest,
  client: Socket,
  events: HandshakeEvents,
): ClientRequest {
  const headers = upgradeHeaders(['host', request.host, ...request.fields])
  const message = { method: 'GET', url: request.path, headers, httpVersion: '1.1' }
  const { ca, connectTimeout, servername, lookup } = backend.connection
  let outgoing: ClientRequest | undefined
  proxy.once('proxyReqWs', (made: ClientRequest) => {
    made.path = request.path // byte for byte, where the library would normalise it
    made.maxHeadersCount = 0 // the list is never cut short; `maxHeaderSize` bounds it
    outgoing = made
  })
  const ssl = { servername, lookup, maxHeaderSize: MOST_HEAD }
  const options = { target: backend.name, connectTimeout, ssl, ...(ca !== undefined && { ca }) }
  proxy.ws(message as unknown as IncomingMessage, client, Buffer.alloc(0), options)
  if (outgoing === undefined) throw new TypeError('http-proxy-3 made no request')
  takeOver(outgoing, events)
  return outgoing
}

function takeOver(outgoing: ClientRequest, events: HandshakeEvents): void {
  const joins = outgoing.listeners('upgrade')
  for (const event of ['upgrade', 'response', 'error']) outgoing.removeAllListeners(event)
  let connected = false
  outgoing.once('socket', (socket: Socket) => {
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => {
      connected = true
    })
  })
  outgoing.on('error', (error) => events.failed(error, connected))
  outgoing.on('information', ({ statusCode, rawHeaders }) => {
    if (statusCode !== 100) events.interim(statusCode, lowered(rawHeaders)) // nobody asked for a 100 (RFC 9110 §15.2.1)
  })
  outgoing.once('response', (answer) => events.answered(answer))
  outgoing.once('upgrade', (answer, upstream: Socket, head: Buffer) => {
    upstream.allowHalfOpen = true // each direction ends for itself
    events.upgraded(answer, upstream, (fields) => {
      answer.headers = upgradeHeaders(fields)
      for (const join of joins) join(answer, upstream, head)
    })
  })
}

/** Headers of either half of the handshake, as the library takes them; what they say of the connection is ours. */
function upgradeHeaders(fields: readonly string[]): Record<string, string | string[]> {
  const headers = Object.create(null) as Record<string, string | string[]>
  for (let index = 0; index < fields.length; index += 2) {
    const name = String(fields[index]).toLowerCase()
    const before = headers[name]
    const value = fields[index + 1] ?? ''
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  delete headers['content-length']
  headers['connection'] = 'Upgrade'
  headers['upgrade'] = 'websocket'
  return headers
}
