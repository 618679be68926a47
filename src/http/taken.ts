/**
 * Answers of the gateway's own that their client does not take.
 *
 * A client that sends requests and reads nothing fills the buffers of the system, some megabytes for each connection,
 * and then its last answers never finish: no deadline of node:http and no look for idle connections would end that.
 * Such a connection is reset: after a regular close the system would go on to keep for the client what is in its buffers.
 * Answers of services have a watch of their own.
 *
 * @module
 */
import type { ServerResponse } from 'node:http'

import { reset } from './reset.ts'

const PATIENCE = 10_000 // milliseconds

/**
 * Resets the connection of an answer that is written and not taken in time; one behind others in a pipeline has its time
 * when its turn comes.
 *
 * @param patience milliseconds; only tests give others
 */
export function expectTaken(response: ServerResponse, patience = PATIENCE): void {
  const { socket } = response
  if (socket === null) response.once('socket', () => expectTaken(response, patience))
  else if (!socket.destroyed && (response.writableLength > 0 || !response.writableEnded)) {
    const timer = setTimeout(() => reset(socket), patience).unref()
    response.once('close', () => clearTimeout(timer))
  }
}
