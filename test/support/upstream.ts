/**
 * A raw recording upstream: a TCP server that keeps the exact bytes of every request and answers by script.
 *
 * It is no HTTP server on purpose: what a proxy writes on the wire is the thing under test,
 * and half of the answers are ones that an HTTP server would refuse to give.
 *
 * @module
 */
import { createHash, type Hash } from 'node:crypto'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

import { headerPairs, until } from './wire.ts'

const MOST_KEPT = 1024 * 1024

/** One request as it arrived. */
export interface UpstreamRequest {
  /** Index of its connection in `upstream.connections`. */
  readonly connection: number
  /** The whole head as text (latin1), with the empty line. */
  readonly head: string
  /** Request line. */
  readonly line: string
  readonly method: string
  readonly target: string
  /** Names and values as on the wire, in order. */
  readonly headers: readonly (readonly [string, string])[]
  /** Decoded body; only the first MiB is kept. */
  readonly body: Buffer
  /** Bytes of the decoded body. */
  readonly size: number
  /** SHA-256 of the decoded body, hex; known once `whole` has resolved. */
  readonly sha256: string
  /** True once the request is complete. */
  readonly done: boolean
  /** Trailer lines of a chunked request. */
  readonly trailers: readonly string[]
  /** Resolves at the end of the request; rejects when the connection breaks before it. */
  readonly whole: Promise<void>
  /** First value of a header. */
  header(name: string): string | undefined
  /** Every value of a header. */
  all(name: string): string[]
}

/** One accepted connection. */
export interface UpstreamConnection {
  readonly index: number
  readonly socket: Socket
  /** Everything received, raw; only the first MiB is kept. */
  readonly received: Buffer
  readonly requests: UpstreamRequest[]
  /** `performance.now()` of the close, or undefined while open. */
  readonly closedAt: number | undefined
  /** Whether the end of the other side leaves ours open; it does not unless set. */
  staysOpen: boolean
}

/** Called when the head of a request has arrived; wait for `request.whole` to answer after its body. */
export type Answer = (request: UpstreamRequest, connection: UpstreamConnection) => void | Promise<void>

export interface Upstream {
  readonly port: number
  readonly url: string
  readonly requests: UpstreamRequest[]
  readonly connections: UpstreamConnection[]
  /** May be replaced between requests. */
  answer: Answer
  /** Waits until `count` requests have arrived with their head. */
  arrived(count: number): Promise<void>
  /** How many connections are open now. */
  open(): number
  close(): Promise<void>
}

/** Starts an upstream on a free port of 127.0.0.1; with `tls` it speaks HTTPS. */
export async function startUpstream(
  answer: Answer,
  options: { port?: number; tls?: { key: string; cert: string } } = {},
): Promise<Upstream> {
  const accept = (socket: Socket) => upstream.connections.push(new Connection(socket, upstream))
  const server: Server =
    options.tls === undefined
      ? createServer({ noDelay: true, allowHalfOpen: true }, accept)
      : createTlsServer({ ...options.tls, allowHalfOpen: true }, accept)
  const sockets = new Set<Socket>() // also those on which no TLS came about
  server.on('connection', (socket: Socket) => sockets.add(socket.on('close', () => sockets.delete(socket))))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const upstream: Upstream = {
    port,
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests: [],
    connections: [],
    answer,
    arrived: (count) => until(() => upstream.requests.length >= count, `${count} requests at the upstream`),
    open: () => upstream.connections.filter((connection) => connection.closedAt === undefined).length,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return upstream
}

class Connection implements UpstreamConnection {
  readonly index: number
  readonly requests: UpstreamRequest[] = []
  closedAt: number | undefined
  staysOpen = false
  #kept: Buffer[] = []
  #keptSize = 0
  #pending: Buffer = Buffer.alloc(0)
  #current: Request | undefined
  #upstream: Upstream
  readonly socket: Socket

  constructor(socket: Socket, upstream: Upstream) {
    this.socket = socket
    this.#upstream = upstream
    this.index = upstream.connections.length
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => {})
    socket.on('end', () => {
      this.#current?.fail('the client ended')
      if (!this.staysOpen && !socket.writableEnded) socket.end()
    })
    socket.on('close', () => {
      this.closedAt = performance.now()
      this.#current?.fail('the connection closed')
    })
  }

  get received(): Buffer {
    return Buffer.concat(this.#kept)
  }

  #read(chunk: Buffer): void {
    if (this.#keptSize < MOST_KEPT) this.#kept.push(chunk)
    this.#keptSize += chunk.length
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    while (this.#pending.length > 0) {
      if (this.#current === undefined && !this.#readHead()) return
      const request = this.#current
      if (request === undefined) return
      this.#pending = request.feed(this.#pending)
      if (!request.done) return
      this.#current = undefined
    }
  }

  #readHead(): boolean {
    const end = this.#pending.indexOf('\r\n\r\n')
    if (end === -1) return false
    const request = new Request(this.#pending.subarray(0, end + 4).toString('latin1'), this.index)
    this.#pending = this.#pending.subarray(end + 4)
    this.#current = request.done ? undefined : request
    this.requests.push(request)
    this.#upstream.requests.push(request)
    Promise.resolve(this.#upstream.answer(request, this)).catch(() => {})
    return true
  }
}

class Request implements UpstreamRequest {
  readonly connection: number
  readonly head: string
  readonly line: string
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly trailers: string[] = []
  readonly whole: Promise<void>
  size = 0
  done = false
  sha256 = ''
  #chunked: boolean
  /** Bytes left of the body or of the chunk; -1 before a chunk's size line, -2 in the trailers. */
  #left: number
  #kept: Buffer[] = []
  #hash: Hash = createHash('sha256')
  #settle: { resolve(): void; reject(error: Error): void }

  constructor(head: string, connection: number) {
    this.head = head
    this.connection = connection
    const [line = '', ...lines] = head.slice(0, -4).split('\r\n')
    this.line = line
    const [method = '', target = ''] = line.split(' ')
    this.method = method
    this.target = target
    this.headers = headerPairs(lines)
    this.#chunked = this.header('transfer-encoding')?.toLowerCase() === 'chunked'
    this.#left = this.#chunked ? -1 : Number(this.header('content-length') ?? 0)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.whole = promise
    promise.catch(() => {})
    this.#settle = { resolve, reject }
    if (this.#left === 0) this.#finish()
  }

  get body(): Buffer {
    return Buffer.concat(this.#kept)
  }

  header(name: string): string | undefined {
    return this.all(name)[0]
  }

  all(name: string): string[] {
    return this.headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
  }

  fail(reason: string): void {
    if (!this.done) this.#settle.reject(new Error(reason))
  }

  /** Takes what belongs to this request and returns the rest. */
  feed(bytes: Buffer): Buffer {
    let rest = bytes
    while (rest.length > 0 && !this.done) {
      if (this.#left > 0) {
        rest = this.#take(rest)
        continue
      }
      const end = rest.indexOf('\r\n')
      if (end === -1) return rest
      this.#readLine(rest.subarray(0, end).toString('latin1'))
      rest = rest.subarray(end + 2)
    }
    return rest
  }

  #take(bytes: Buffer): Buffer {
    const part = bytes.subarray(0, this.#left)
    this.#left -= part.length
    if (this.size < MOST_KEPT) this.#kept.push(part)
    this.size += part.length
    this.#hash.update(part)
    if (this.#left === 0) {
      if (this.#chunked) this.#left = -3
      else this.#finish()
    }
    return bytes.subarray(part.length)
  }

  #readLine(line: string): void {
    if (this.#left === -3) this.#left = -1
    else if (this.#left === -1) {
      const size = Number.parseInt(line, 16)
      this.#left = size === 0 ? -2 : size
    } else if (line === '') this.#finish()
    else this.trailers.push(line)
  }

  #finish(): void {
    this.done = true
    this.sha256 = this.#hash.digest('hex')
    this.#settle.resolve()
  }
}
