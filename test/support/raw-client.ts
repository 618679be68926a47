/**
 * A raw client: sends exact bytes over a socket and reads the answers one by one.
 *
 * @module
 */
import { connect as connectSocket, type Socket } from 'node:net'

import { headerPairs } from './wire.ts'

/** One answer, 1xx ones included. */
export interface RawResponse {
  readonly status: number
  /** Status line. */
  readonly line: string
  /** The whole head, with the empty line. */
  readonly head: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
  readonly text: string
  readonly trailers: readonly (readonly [string, string])[]
  /** What marked the end: nothing to read, a length, the last chunk, or the close of the connection. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  header(name: string): string | undefined
  all(name: string): string[]
}

export interface RawClient {
  readonly socket: Socket
  send(bytes: string | Buffer): void
  /**
   * Next answer. Rejects with `truncated` when the connection ends inside it, and when `deadline` (ms) passes.
   * `method` matters for HEAD only.
   */
  response(options?: { method?: string; deadline?: number }): Promise<RawResponse>
  /** Waits until the bytes received and not yet taken as an answer hold `text`. */
  until(text: string, deadline?: number): Promise<void>
  /** Bytes received and not yet taken as an answer. */
  pending(): Buffer
  /** How the connection ended, or undefined while it is open. */
  ended(): 'end' | 'reset' | undefined
  /** Waits for the end of the connection and says how it came. */
  closed(deadline?: number): Promise<'end' | 'reset'>
  /** Half-closes. */
  end(): void
  /** RST. */
  reset(): void
  destroy(): void
}

/** Connects to 127.0.0.1. */
export async function connectRaw(port: number): Promise<RawClient> {
  const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  let bytes: Buffer = Buffer.alloc(0)
  let ended: 'end' | 'reset' | undefined
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const until = awaiting(socket)
  socket.on('data', (chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
  })
  socket.on('error', () => {
    ended ??= 'reset'
  })
  socket.on('end', () => {
    ended ??= 'end'
  })
  socket.on('close', () => {
    ended ??= 'end'
  })

  return {
    socket,
    send: (text) => void socket.write(text, 'latin1'),
    async response({ method = 'GET', deadline = 5000 } = {}) {
      let parsed: Parsed | undefined
      const arrived = () => {
        parsed = parse(bytes, method, ended !== undefined)
        return parsed !== undefined || ended !== undefined
      }
      await until(
        arrived,
        () => `an answer after ${JSON.stringify(bytes.subarray(0, 200).toString('latin1'))}`,
        deadline,
      )
      parsed ??= parse(bytes, method, ended === 'end')
      if (parsed === undefined || (parsed.response.framing === 'close' && ended === 'reset'))
        throw new Error(`truncated: ${ended} after ${JSON.stringify(bytes.subarray(0, 500).toString('latin1'))}`)
      bytes = bytes.subarray(parsed.taken)
      return parsed.response
    },
    until: (text, deadline) =>
      until(
        () => bytes.includes(text),
        () => `bytes ${JSON.stringify(text)}`,
        deadline,
      ),
    pending: () => bytes,
    ended: () => ended,
    async closed(deadline) {
      await until(
        () => ended !== undefined,
        () => 'the end of the connection',
        deadline,
      )
      return ended ?? 'end'
    },
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
    destroy: () => void socket.destroy(),
  }
}

/** Waits for conditions that only an event of the socket can bring about; `what` says in vain for what. */
function awaiting(socket: Socket) {
  const waiting = new Set<() => void>()
  for (const event of ['data', 'error', 'end', 'close'])
    socket.on(event, () => setImmediate(() => waiting.forEach((look) => look())))

  return (condition: () => boolean, what: () => string, deadline = 5000): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(timer)
        waiting.delete(look)
        if (error === undefined) resolve()
        else reject(error)
      }
      const look = () => {
        try {
          if (condition()) settle()
        } catch (error) {
          settle(error as Error)
        }
      }
      const timer = setTimeout(() => settle(new Error(`waited ${deadline} ms in vain for: ${what()}`)), deadline)
      waiting.add(look)
      look()
    })
}

/** Sends one request on a connection of its own and returns the final answer. */
export async function exchange(port: number, request: string | Buffer): Promise<RawResponse> {
  const client = await connectRaw(port)
  try {
    client.send(request)
    const method = request.toString('latin1').split(' ')[0] ?? 'GET'
    for (;;) {
      const response = await client.response({ method })
      if (response.status >= 200) return response
    }
  } finally {
    client.destroy()
  }
}

interface Parsed {
  readonly response: RawResponse
  readonly taken: number
}

interface Body {
  readonly body: Buffer
  readonly taken: number
  readonly trailers?: [string, string][]
}

function parse(bytes: Buffer, method: string, closed: boolean): Parsed | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = bytes.subarray(0, end + 4).toString('latin1')
  const [line = '', ...lines] = head.slice(0, -4).split('\r\n')
  const status = Number(line.split(' ')[1])
  const headers = headerPairs(lines)
  const all = (name: string) =>
    headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
  const header = (name: string) => all(name)[0]

  const framing = framingOf(status, method, header)
  const read = readBody(bytes.subarray(end + 4), framing, Number(header('content-length')), closed)
  if (read === undefined) return undefined
  const { body, taken, trailers = [] } = read
  const response = { status, line, head, headers, body, text: body.toString(), trailers, framing, header, all }
  return { response, taken: end + 4 + taken }
}

function framingOf(
  status: number,
  method: string,
  header: (name: string) => string | undefined,
): RawResponse['framing'] {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none'
  if (header('transfer-encoding') !== undefined) return 'chunked'
  return header('content-length') === undefined ? 'close' : 'length'
}

function readBody(bytes: Buffer, framing: RawResponse['framing'], length: number, closed: boolean): Body | undefined {
  if (framing === 'none') return { body: Buffer.alloc(0), taken: 0 }
  if (framing === 'chunked') return readChunks(bytes)
  if (framing === 'close') return closed ? { body: bytes, taken: bytes.length } : undefined
  return bytes.length < length ? undefined : { body: bytes.subarray(0, length), taken: length }
}

function readChunks(bytes: Buffer): Body | undefined {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return undefined
    const size = Number.parseInt(bytes.subarray(at, end).toString('latin1'), 16)
    if (Number.isNaN(size)) throw new Error(`no chunk size: ${bytes.subarray(at, end).toString('latin1')}`)
    at = end + 2
    if (size === 0) break
    if (bytes.length < at + size + 2) return undefined
    parts.push(bytes.subarray(at, at + size))
    at += size + 2
  }
  const lines: string[] = []
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return undefined
    const line = bytes.subarray(at, end).toString('latin1')
    at = end + 2
    if (line === '') return { body: Buffer.concat(parts), taken: at, trailers: headerPairs(lines) }
    lines.push(line)
  }
}
