/**
 * Resets of connections.
 *
 * @module
 */
import type { Socket } from 'node:net'

/**
 * Ends a connection with a reset, so that the system forgets what its client has not taken yet.
 *
 * Where all is taken and the end is already on the way, libuv refuses to reset, and node:net then never closes at all:
 * such a connection is closed, which is as good.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded && socket.writableLength === 0) socket.destroy()
  else socket.resetAndDestroy()
}
