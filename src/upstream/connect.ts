/**
 * How a connection comes about: TCP and TLS within one deadline, and the name that the certificate must bear.
 *
 * @module
 */
import { connect as connectTcp, type LookupFunction, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

import { UpstreamError } from './upstream-error.ts'

/** Where connections lead. */
export interface Origin {
  /** Name or address, without brackets. */
  readonly host: string
  readonly port: number
  /** Absent: without TLS. */
  readonly tls: TlsOptions | undefined
  /** How the name is resolved; absent when it is an address. */
  readonly lookup: LookupFunction | undefined
  /** Milliseconds a connection may take, name and TLS handshake included. */
  readonly timeout: number
}

export interface TlsOptions {
  /** Certificates to trust instead of the system's, PEM. */
  readonly ca: string | undefined
  /** Name for SNI and verification; absent when the host is an address, which is then verified itself. */
  readonly servername: string | undefined
}

/** The last TLS session of an origin, to be taken up again. */
export interface Sessions {
  latest?: Buffer
}

/** What becomes of it; one of the two is called, once. */
export interface Connecting {
  /** Takes each read into its buffer. */
  readonly onread: OnReadOpts
  connected(): void
  failed(error: UpstreamError): void
}

const PROBE_AFTER = 60_000 // milliseconds of silence until the system asks whether the other side is still there

/** Opens a connection. */
export function connect(origin: Origin, sessions: Sessions, told: Connecting): Socket {
  const socket = open(origin, sessions, told.onread)
  let error: Error | undefined
  const timer = setTimeout(() => {
    error = new UpstreamError('connect_timeout', `no connection within ${origin.timeout} ms`)
    socket.destroy()
  }, origin.timeout)
  const settle = () => {
    clearTimeout(timer)
    socket.off('error', onError).off('close', onClose)
  }
  const onError = (reason: Error) => {
    error ??= failure(reason)
  }
  const onClose = () => {
    settle()
    told.failed(error instanceof UpstreamError ? error : new UpstreamError('unreachable', 'closed before it was open'))
  }
  socket.on('error', onError).on('close', onClose)
  socket.once(origin.tls === undefined ? 'connect' : 'secureConnect', () => {
    settle()
    told.connected()
  })
  return socket
}

function open({ host, port, tls, lookup }: Origin, sessions: Sessions, onread: OnReadOpts): Socket {
  const options = { host, port, onread, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_AFTER }
  const named = lookup === undefined ? options : { ...options, lookup }
  if (tls === undefined) return connectTcp(named)
  const { ca, servername } = tls
  const socket = connectTls({
    ...named,
    ALPNProtocols: ['http/1.1'],
    ...(ca !== undefined && { ca }),
    ...(servername !== undefined && { servername }),
    ...(sessions.latest !== undefined && { session: sessions.latest }),
  })
  socket.on('session', (session) => {
    sessions.latest = session
  })
  return socket
}

/** The system gives up as well, after minutes. */
function failure(error: Error): UpstreamError {
  const code = 'code' in error ? String(error.code) : ''
  const kind = code === 'ETIMEDOUT' ? 'connect_timeout' : 'unreachable'
  return new UpstreamError(kind, error.message === '' ? code : error.message, error)
}
