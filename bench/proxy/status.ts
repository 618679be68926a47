/**
 * One request, for its status.
 *
 * @module
 */
import { request } from 'node:http'

import { handshake } from '../../test/support/websocket.ts'

/** @returns 0 when there was no answer within a second */
export function statusOf(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve) => {
    const asked = request(url, { headers, agent: false, timeout: 1000 }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0))
    })
    asked.once('upgrade', (answer, socket) => {
      socket.destroy()
      resolve(answer.statusCode ?? 0)
    })
    asked.once('timeout', () => asked.destroy())
    asked.once('error', () => resolve(0))
    asked.end()
  })
}

/** The same for a WebSocket handshake. */
export function upgradeStatusOf(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return statusOf(url, { ...headers, ...handshake })
}
