/**
 * The ways an answer ends: with its last bytes, before the request's body has, or broken off.
 *
 * @module
 */
import type { ServerResponse } from 'node:http'

const LONGEST = 2000 // milliseconds
const MOST = 1024 * 1024 // bytes
const SHORT = 8192 // bytes

/** Ends an answer with its last bytes. A short body goes as text: node joins it to the head, and one plain write costs half of a vectored one. */
export function endWith(res: ServerResponse, chunk: Buffer): void {
  if (chunk.length <= SHORT) res.end(chunk.toString('latin1'), 'latin1')
  else res.end(chunk)
}

/**
 * Ends the answer and with it the connection, once the rest of the body has been read and thrown away, or some of it:
 * closing at once would reset the connection under a client that is still sending, before it has seen the answer.
 */
export function endEarly(res: ServerResponse): void {
  const { req } = res
  if (req.complete) {
    res.end()
    return
  }
  let left = MOST
  const end = () => {
    clearTimeout(timer)
    req.off('data', count)
    res.end()
  }
  const count = (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) end()
  }
  const timer = setTimeout(end, LONGEST)
  timer.unref()
  req.once('close', end)
  req.on('data', count)
}

/**
 * Cuts the client's connection. An answer with a length or in chunks is seen to be short; one to HTTP/1.0 may end
 * with the connection, and there a regular close would look like its end, so it is reset.
 */
export function breakOff(res: ServerResponse, legacy: boolean): void {
  const { socket } = res
  if (legacy && socket !== null && !('encrypted' in socket)) socket.resetAndDestroy()
  else res.destroy()
}
