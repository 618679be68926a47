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

import type { Backend } from './backend.ts'

/** The request as the backend shall see it. */
export interface HandshakeRequest {
  readonly path: string
  readonly host: string
  /** Names and values in turn, `Sec-WebSocket-*` among them. */
  readonly fields: readonly string[]
}

/** What may come of it; one of them is called, once. */
export interface HandshakeEvents {
  /** A 101; `tunnel` relays its head, with `answer.headers` as they then are, and joins the two connections. */
  upgraded(answer: IncomingMessage, upstream: Socket, tunnel: () => void): void
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
  const message = { method: 'GET', url: request.path, headers: headersOf(request), httpVersion: '1.1' }
  const { ca, connectTimeout, servername } = backend.connection
  let outgoing: ClientRequest | undefined
  proxy.once('proxyReqWs', (made: ClientRequest) => {
    made.path = request.path // byte for byte, where the library would normalise it
    outgoing = made
  })
  const options = { target: backend.name, connectTimeout, ssl: { servername }, ...(ca !== undefined && { ca }) }
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
  outgoing.once('response', (answer) => events.answered(answer))
  outgoing.once('upgrade', (answer, upstream: Socket, head: Buffer) => {
    upstream.allowHalfOpen = true // each direction ends for itself
    events.upgraded(answer, upstream, () => {
      for (const join of joins) join(answer, upstream, head)
    })
  })
}

function headersOf({ host, fields }: HandshakeRequest): Record<string, string | string[]> {
  const headers = Object.create(null) as Record<string, string | string[]>
  headers['host'] = host
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index]?.toLowerCase() ?? ''
    const before = headers[name]
    const value = fields[index + 1] ?? ''
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  headers['connection'] = 'Upgrade'
  headers['upgrade'] = 'websocket'
  return headers
}
