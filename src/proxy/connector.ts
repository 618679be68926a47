/**
 * How connections to backends are made: with a deadline that holds, and with the name the backend's certificate must bear.
 *
 * @module
 */
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { buildConnector } from 'undici'

import { surviveContinue } from './unasked-continue.ts'

export interface ConnectorOptions {
  /** Certificates to trust instead of the system's, PEM. */
  readonly ca: string | undefined
  /** Name for SNI and verification; absent when the target is an address, which is then verified itself. */
  readonly servername: string | undefined
  /** How the target's name is resolved; absent when it is an address. */
  readonly lookup: LookupFunction | undefined
  /** Milliseconds, name and TLS handshake included. */
  readonly timeout: number
}

/** The connection did not come about in time. */
export class ConnectTimeout extends Error {
  override readonly name = 'ConnectTimeout'
}

const failed = new WeakSet<Error>()

/** True for the error of a connection that never came about, as opposed to one that broke. */
export function isConnectError(error: Error): boolean {
  return failed.has(error)
}

let broken = false

/** True inside the events of a socket that ended with an error: a body that ends only there did not end well. */
export function isSocketBroken(): boolean {
  return broken
}

/** Makes undici's connector for one backend. */
export function createConnector({ ca, servername, lookup, timeout }: ConnectorOptions): buildConnector.connector {
  const given = { ...(ca !== undefined && { ca }), ...(lookup !== undefined && { lookup }) }
  const connect = buildConnector({ allowH2: false, timeout: 0, ...given }) as (
    options: Omit<buildConnector.Options, 'servername'> & { servername: string | undefined },
    callback: buildConnector.Callback,
  ) => Socket

  return (options, callback) => {
    // undici derives the name from the Host header, which is the client's; the target's own name is what counts
    const socket = connect({ ...options, servername }, (...result) => {
      clearTimeout(timer)
      if (result[0] === null) watch(result[1])
      else failed.add(result[0])
      callback(...result)
      if (result[0] === null) surviveContinue(result[1])
    })
    const timer = setTimeout(() => socket.destroy(new ConnectTimeout(`no connection within ${timeout} ms`)), timeout)
  }
}

/**
 * undici takes a reset for the regular end of an answer that lasts until the close (RFC 9112 §6.3, item 8).
 * Its own listener runs inside this event, after ours.
 */
function watch(socket: Socket): void {
  socket.on('error', () => {
    broken = true
    queueMicrotask(() => {
      broken = false
    })
  })
}

/** True for names that are addresses, brackets included. */
export function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0
}
