/**
 * An HTTP/1.1 listener as every plane uses it: node:http with deadlines for slow clients, bounds for greedy ones,
 * and an answer of ours for everything the parser refuses.
 *
 * Node has no deadline for a request's body here: only the route knows how long an upload may take.
 *
 * @module
 */
import type { IncomingMessage, Server as HttpListener, ServerOptions as NodeOptions, ServerResponse } from 'node:http'
import { Socket, type Server } from 'node:net'
import type { Duplex } from 'node:stream'

import { denials } from '#request/denial.ts'
import { deny, type Deny, type Eventually } from '#request/verdict.ts'
import type { Logger } from '#telemetry/log.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import { newRequestId } from '#telemetry/trace.ts'
import type { Address } from '#values/network.ts'

import { Connections } from './connections.ts'
import { listen } from './listen.ts'
import { createServer } from './node-http.ts'
import { refuse, refuseSocket, type RefusalContext } from './respond.ts'

const HEAD_TIMEOUT = 10_000 // milliseconds a client may take for the head of a request
const MOST_HEADER_BYTES = 16 * 1024
const KEEP_ALIVE = 75_000 // milliseconds between requests: longer than balancers keep theirs, so that they end them, not we
const PATIENCE = 1000 // milliseconds a connection without a request may outlive the listener
const FEW_CONNECTIONS = 1024 // enough for probes and administration
const DOORWAY = 128 // connections above the limit that are told so; more are closed at once

/** Who answers. A handler that throws or rejects is a defect: it is logged and answered with a 500. */
export interface Handlers {
  /**
   * @param expects_continue the client waits for `response.writeContinue()` before it sends its body
   * @param surplus the connection is one more than may be open: its request is to be refused
   */
  request(
    request: IncomingMessage,
    response: ServerResponse,
    expects_continue: boolean,
    surplus: boolean,
  ): Eventually<void>
  /** `Upgrade: websocket`, nothing else; without this handler such requests are ordinary ones. `surplus` as above. */
  upgrade?(request: IncomingMessage, socket: Socket, head: Buffer, surplus: boolean): Eventually<void>
}

export interface ServerOptions {
  readonly log: Logger
  readonly metrics: Pick<Metrics, 'malformed' | 'connectionsRefused'>
  /** Milliseconds a client may take for the head of a request; 10 s unless told otherwise. */
  readonly headersTimeout?: number
  /** Open connections, tunnels included; `limit` changes it. */
  readonly maxConnections?: number
}

/** What a listener takes on. */
export interface ListenerLimits {
  /** Open connections, tunnels included. Those above it are there to be told so, or closed at once when they are too many. */
  readonly connections: number
  /** Whether answers leave their connections open. */
  readonly keepAlive: boolean
}

/** A listener and the end of its life. */
export interface HttpServer {
  /** Begins to listen, alone or with other processes; the address tells the port when 0 asked for a free one. */
  listen(address: Address, shared?: boolean): Promise<Address>
  /** How many connections are open, tunnels included. */
  readonly connections: number
  /** Sets other limits from now on; what is open stays. */
  limit(limits: ListenerLimits): void
  /** Cuts connections on which nothing is being answered. */
  cutIdle(): void
  /** Cuts a share of the connections, those that came last first, whatever goes on on them. */
  cutYoungest(share: number): void
  /** From now on every answer, also those in flight, ends its connection. */
  lastAnswers(): void
  /** Stops listening and closes idle connections; resolves when the last one has ended. */
  stop(): Promise<void>
  /** Cuts every connection that is left, upgraded ones too. */
  cut(): void
}

/** Makes a listener; nothing is bound before `listen`. */
export function createHttpServer(options: ServerOptions, handlers: Handlers): HttpServer {
  const connections = new Connections()
  const server = createServer(nodeOptions(options, handlers, connections))
  server.maxHeadersCount = 0 // Node would cut the list short without a word; `maxHeaderSize` bounds it
  listenTo(server, { ...options, connections }, handlers)
  return handleOf(server, connections, options.maxConnections ?? FEW_CONNECTIONS)
}

/** Answers all that a listener tells of. */
function listenTo(
  server: HttpListener,
  options: ServerOptions & { connections: Connections },
  handlers: Handlers,
): void {
  const { log, metrics, connections } = options
  const failed = (error: unknown) => {
    const request_id = newRequestId()
    log.error({ request_id, err: error }, 'request failed')
    return [deny('internal_error', 'handler threw'), { request_id }] as const
  }
  const serve = (request: IncomingMessage, response: ServerResponse, expects: boolean) => {
    if (!connections.begin(request.socket, response)) return
    guard(
      () => handlers.request(request, response, expects, connections.isSurplus(request.socket)),
      (error) => refuse(response, ...failed(error)),
    )
  }
  const noted = createNote(options, connections)
  const malformed = (socket: Duplex, refusal: Deny) => refuseSocket(socket, refusal, noted(refusal, socket))

  server.on('connection', (socket: Socket) => connections.add(socket))
  server.on('error', (error) => {
    if (server.listening) log.warn({ err: error }, 'listener failed') // else `listen` rejects with it
  })
  server.on('drop', () => metrics.connectionsRefused.inc())
  server.on('request', (request, response) => serve(request, response, false))
  server.on('checkContinue', (request, response) => serve(request, response, true))
  server.on('checkExpectation', (request, response) => {
    const refusal = deny('expectation_failed', 'Expect other than 100-continue')
    const context = noted(refusal, request.socket)
    if (connections.begin(request.socket, response)) refuse(response, refusal, context)
  })
  // The request's own socket: newer Nodes hand over another stream in its place when the request has a body. Nobody reads
  // that one, but what befalls the socket befalls it too, and an error that it alone heard of would end the process.
  server.on('connect', ({ socket }, stream) => {
    stream.on('error', ignore)
    if (!connections.cutOwing(socket)) malformed(socket, deny('method_not_allowed', 'CONNECT', { Allow: 'GET' }))
  })
  server.on('upgrade', (request, stream, head) => {
    const { socket } = request
    stream.on('error', ignore)
    if (connections.cutOwing(socket)) return
    connections.upgrade(socket)
    guard(
      () => handlers.upgrade?.(request, socket, head, connections.isSurplus(socket)),
      (error) => refuseSocket(socket, ...failed(error)),
    )
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const owing = connections.isOwing(socket)
    const left = error.code === 'ECONNRESET' || (owing && error.code === 'HPE_INVALID_EOF_STATE')
    if (left) socket.destroy()
    else if (connections.endWithOwed(socket)) noted(deny(outcomeOf(error.code), 'bytes behind a request'), socket)
    // Not at once: the parser may object in the very tick in which a refusal is being written.
    else if (connections.isAnswering(socket)) setImmediate(() => socket.destroy())
    else malformed(socket, deny(outcomeOf(error.code), error.code ?? 'no code'))
  })
}

/** The handle of a listener. */
function handleOf(server: Server, connections: Connections, connectionLimit: number): HttpServer {
  const limit = (limits: ListenerLimits) => {
    connections.most = limits.connections
    connections.keepAlive = limits.keepAlive
    server.maxConnections = limits.connections + DOORWAY
  }
  limit({ connections: connectionLimit, keepAlive: true })

  return {
    listen: (address, shared) => listen(server, address, shared),
    get connections() {
      return connections.size
    },
    limit,
    cutIdle: () => connections.cutIdle(),
    cutYoungest: (share) => connections.cutYoungest(share),
    lastAnswers: () => connections.lastAnswers(),
    stop: () => stop(server, connections),
    cut: () => connections.cut(),
  }
}

/** Makes the access line of what never became a request, under the same names; one that did has its handler's line. */
function createNote({ log, metrics }: ServerOptions, connections: Connections) {
  return ({ code, note }: Deny, socket: Duplex): RefusalContext => {
    const request_id = newRequestId()
    const client = socket instanceof Socket ? socket.remoteAddress : undefined
    const line = { request_id, status: denials[code].status, outcome: code, note, client }
    metrics.malformed.inc({ outcome: code })
    if (connections.isOwing(socket)) log.debug(line, 'broken request')
    else log.info(line, 'request')
    return { request_id }
  }
}

function nodeOptions(options: ServerOptions, handlers: Handlers, connections: Connections): NodeOptions {
  return {
    headersTimeout: options.headersTimeout ?? HEAD_TIMEOUT,
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: MOST_HEADER_BYTES,
    insecureHTTPParser: false,
    optimizeEmptyRequests: true, // no stream events for requests without a body: a twentieth of what a request costs
    requireHostHeader: false, // admission refuses in our words
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    shouldUpgradeCallback(request) {
      const taken = handlers.upgrade !== undefined && request.headers.upgrade?.toLowerCase() === 'websocket'
      if (!taken) connections.decline(request)
      return taken
    },
  }
}

function ignore(): void {}

/** Runs a handler; what it throws, now or later, is answered by `failed`. */
function guard(run: () => Eventually<void>, failed: (error: unknown) => void): void {
  try {
    const running = run()
    if (running instanceof Promise) running.catch(failed)
  } catch (error) {
    failed(error)
  }
}

function outcomeOf(code: string | undefined) {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large'
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'request_malformed'
}

async function stop(server: Server, connections: Connections): Promise<void> {
  connections.lastAnswers()
  // Node stops looking for silent connections when it closes: without this one of them would hold it for ever.
  const timer = setTimeout(() => connections.cutIdle(), PATIENCE)
  await new Promise<void>((resolve) => server.close(() => resolve()))
  clearTimeout(timer)
  await connections.ended()
}
