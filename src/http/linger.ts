/**
 * Answers given before the request's body has come in.
 *
 * Closing at once would reset the connection under a client that is still sending, and it might never see the answer.
 * So a short body is read and thrown away and the connection kept; for a long one the answer goes out whole,
 * some more is read, and then the connection ends. Neither waits longer than two seconds, and only some do at a time:
 * under a flood of bodies, reading what nobody wants is what would fill the memory.
 *
 * @module
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

const LONGEST = 2000 // milliseconds
const SHORT = 64 * 1024 // bytes that are read for the sake of a connection that can be kept
const MOST = 1024 * 1024 // bytes that are read for the sake of an answer that can be seen
const MOST_AT_ONCE = 16 // requests

let lingering = 0

/** The answer, its body of `Content-Length` bytes. */
export interface EarlyAnswer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string
}

/** Answers a request whose body has not been read. */
export function answerEarly(response: ServerResponse, answer: EarlyAnswer): void {
  const { headers } = response.req
  if (headers.expect !== undefined) {
    // The client holds its body back for our word, or may just have begun to send it.
    response.shouldKeepAlive = false
    response.writeHead(answer.status, answer.headers).end(answer.body)
  } else if (response.shouldKeepAlive && Number(headers['content-length'] ?? Infinity) <= SHORT) keep(response, answer)
  else linger(response, answer)
}

function keep(response: ServerResponse, { status, headers, body }: EarlyAnswer): void {
  const request = response.req
  const timer = setTimeout(() => request.socket.destroy(), LONGEST)
  timer.unref()
  request.once('close', () => clearTimeout(timer))
  response.writeHead(status, headers).end(body)
  request.resume()
}

function linger(response: ServerResponse, { status, headers, body }: EarlyAnswer): void {
  response.shouldKeepAlive = false
  response.writeHead(status, headers)
  if (response.req.method === 'HEAD') response.flushHeaders()
  else response.write(body)
  endAfterRequest(response)
}

/** Ends an answer that is out, once the rest of the request's body has been read and thrown away, or some of it. */
export function endAfterRequest(response: ServerResponse): void {
  const request = response.req
  if (request.complete || lingering >= MOST_AT_ONCE) {
    response.end()
    return
  }
  lingering += 1
  let left = MOST
  const count = (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) end()
  }
  const end = () => {
    lingering -= 1
    clearTimeout(timer)
    request.off('data', count).off('close', end)
    response.end()
  }
  const timer = setTimeout(end, LONGEST)
  timer.unref()
  request.once('close', end)
  request.on('data', count)
}
