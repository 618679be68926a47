/**
 * The end of an answer that came before the end of the request's body.
 *
 * @module
 */
import type { ServerResponse } from 'node:http'

const LONGEST = 2000 // milliseconds
const MOST = 1024 * 1024 // bytes

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
