/**
 * The ways an answer ends: with its last bytes, or broken off. `http/linger.ts` has the one before the end of the request's body.
 *
 * @module
 */
import type { ServerResponse } from 'node:http'

import { reset } from '#http/reset.ts'

const SHORT = 8192 // bytes

/** Ends an answer with its last bytes. A short body goes as text: node joins it to the head, and one plain write costs half of a vectored one. */
export function endWith(res: ServerResponse, chunk: Buffer): void {
  if (chunk.length <= SHORT) res.end(chunk.toString('latin1'), 'latin1')
  else res.end(chunk)
}

/**
 * Cuts the client's connection. An answer with a length or in chunks is seen to be short; one to HTTP/1.0 may end
 * with the connection, and there a regular close would look like its end, so it is reset. So is that of a client that
 * takes nothing: after a close, the system would go on to keep for it what is in its buffers, megabytes at worst.
 */
export function breakOff(res: ServerResponse, byReset: boolean): void {
  const { socket } = res
  if (byReset && socket !== null && !('encrypted' in socket)) reset(socket)
  else res.destroy()
}
