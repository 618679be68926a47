/**
 * Scripts for the raw upstream: good answers, slow ones and broken ones.
 *
 * @module
 */
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Answer } from './upstream.ts'

type HeaderLines = readonly string[]

function head(status: number, lines: HeaderLines): string {
  return [`HTTP/1.1 ${status} Scripted`, ...lines, '', ''].join('\r\n')
}

/** After the whole request: one answer with Content-Length. */
export function fixed(status: number, body: string | Buffer = '', lines: HeaderLines = []): Answer {
  const bytes = Buffer.from(body)
  return async (request, { socket }) => {
    await request.whole
    const length = status === 204 || status === 304 ? [] : [`Content-Length: ${bytes.length}`]
    socket.write(head(status, [...length, ...lines]))
    if (request.method !== 'HEAD' && bytes.length > 0) socket.write(bytes)
  }
}

/** After the whole request: exactly these bytes, whatever they are. */
export function raw(bytes: string | Buffer, then: 'keep' | 'end' = 'keep'): Answer {
  return async (request, { socket }) => {
    await request.whole
    socket.write(bytes)
    if (then === 'end') socket.end()
  }
}

/** After the whole request: a chunked answer, one chunk every `gap` ms, then trailers. */
export function chunked(
  parts: readonly (string | Buffer)[],
  { gap = 0, lines = [], trailers = [] }: { gap?: number; lines?: HeaderLines; trailers?: HeaderLines } = {},
): Answer {
  return async (request, { socket }) => {
    await request.whole
    socket.write(head(200, ['Transfer-Encoding: chunked', ...lines]))
    for (const part of parts) {
      if (gap > 0) await sleep(gap)
      const bytes = Buffer.from(part)
      socket.write(`${bytes.length.toString(16)}\r\n`)
      socket.write(bytes)
      socket.write('\r\n')
    }
    socket.write(['0', ...trailers, '', ''].join('\r\n'))
  }
}

/** A body of unknown length that ends with the connection. */
export function untilClose(parts: readonly string[], end: 'end' | 'reset' = 'end'): Answer {
  return async (request, { socket }) => {
    await request.whole
    socket.write(head(200, ['Connection: close']))
    for (const part of parts) {
      socket.write(part)
      await sleep(20)
    }
    if (end === 'end') socket.end()
    else socket.resetAndDestroy()
  }
}

/** Server-sent events: one every `gap` ms, then the stream stays open (or ends). */
export function events(data: readonly string[], gap: number, then: 'keep' | 'end' = 'keep'): Answer {
  return async (request, { socket }) => {
    await request.whole
    socket.write(head(200, ['Content-Type: text/event-stream', 'Transfer-Encoding: chunked']))
    for (const one of data) {
      await sleep(gap)
      const event = `data: ${one}\n\n`
      socket.write(`${event.length.toString(16)}\r\n${event}\r\n`)
    }
    if (then === 'end') socket.write('0\r\n\r\n')
  }
}

/** Answers as soon as the head is there, while the body is still being sent. */
export function early(status: number, body = '', lines: HeaderLines = ['Connection: close']): Answer {
  return (_request, { socket }) => {
    socket.write(head(status, [`Content-Length: ${body.length}`, ...lines]) + body)
  }
}

/** Sends the request's own body back, with the length it had or chunked, while it arrives. */
export const echo: Answer = async (request, { socket }) => {
  await request.whole
  socket.write(head(200, [`Content-Length: ${request.body.length}`]))
  socket.write(request.body)
}

/** `total` bytes of `block` repeated, with Content-Length and backpressure. */
export function bulk(block: Buffer, times: number): Answer {
  return async (request, { socket }) => {
    await request.whole
    socket.write(head(200, [`Content-Length: ${block.length * times}`]))
    for (let sent = 0; sent < times && !socket.destroyed; sent += 1) if (!socket.write(block)) await room(socket)
  }
}

/** Waits until a socket takes more, or is closed. */
export function room(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      socket.off('drain', settle).off('close', settle)
      resolve()
    }
    socket.on('drain', settle).on('close', settle)
  })
}

/** Sends 1xx answers before `final`. */
export function informational(interim: readonly string[], final: Answer): Answer {
  return async (request, connection) => {
    for (const one of interim) connection.socket.write(one)
    await final(request, connection)
  }
}

/** One answer, and a second one that nobody asked for. */
export function unsolicited(body: string, second: string, after = 0): Answer {
  return async (request, { socket }) => {
    await request.whole
    socket.write(head(200, [`Content-Length: ${body.length}`]) + body)
    if (after > 0) await sleep(after)
    socket.write(head(200, [`Content-Length: ${second.length}`]) + second)
  }
}

/** Reads and says nothing, for ever. */
export const never: Answer = () => {}

/** RST as soon as the head of the request is there. */
export const resetBeforeHead: Answer = (_request, { socket }) => {
  socket.resetAndDestroy()
}

/** FIN instead of an answer. */
export const endBeforeHead: Answer = (_request, { socket }) => {
  socket.end()
}

/** Half a status line and headers, then RST. */
export const resetMidHead: Answer = async (_request, { socket }) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Le')
  await sleep(20)
  socket.resetAndDestroy()
}

/** Fewer bytes than announced, then RST or FIN. */
export function cutMidBody(end: 'end' | 'reset', framing: 'length' | 'chunked' = 'length'): Answer {
  return async (request, { socket }) => {
    await request.whole
    if (framing === 'length') socket.write(`${head(200, ['Content-Length: 1000'])}partial`)
    else socket.write(`${head(200, ['Transfer-Encoding: chunked'])}7\r\npartial\r\n`)
    await sleep(20)
    if (end === 'end') socket.end()
    else socket.resetAndDestroy()
  }
}

/** Not HTTP at all. */
export const garbage: Answer = (_request, { socket }) => {
  socket.write('SSH-2.0-OpenSSH_9.2\r\n\r\n')
}

/** The first request of a connection by one script, every later one by another. */
export function reused(first: Answer, later: Answer): Answer {
  return (request, connection) => (connection.requests[0] === request ? first : later)(request, connection)
}
