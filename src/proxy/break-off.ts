/**
 * Breaking off an answer that cannot be finished, so that the client notices.
 *
 * @module
 */
import type { ServerResponse } from 'node:http'

/**
 * Cuts the client's connection. An answer with a length or in chunks is seen to be short; one to HTTP/1.0 may end
 * with the connection, and there a regular close would look like its end, so it is reset.
 */
export function breakOff(res: ServerResponse, legacy: boolean): void {
  const { socket } = res
  if (legacy && socket !== null && !('encrypted' in socket)) socket.resetAndDestroy()
  else res.destroy()
}
