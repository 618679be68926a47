/**
 * A connection of a load generator: carries one request at a time and tells the status of each answer.
 *
 * @module
 */
import { connect } from 'node:net'

export interface Connection {
  send(request: string): void
  close(): void
}

/** Where to connect. */
export interface Target {
  readonly host: string
  readonly port: number
  /** Where to connect from; the system chooses unless told. */
  readonly localAddress?: string
}

/** Of all connections, since each takes out at once what came. */
const received = Buffer.alloc(65_536)

/** Length of a whole answer whose first bytes these are, or undefined while its head is not there. */
function lengthOf(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n')
  if (head === -1) return undefined
  const at = text.search(/\r\ncontent-length: /i)
  if (at !== -1 && at < head) return head + 4 + Number.parseInt(text.slice(at + 18, at + 30), 10)
  const last = text.indexOf('\r\n0\r\n\r\n', head) // chunks
  return last === -1 ? undefined : last + 7
}

/**
 * Opens one.
 *
 * @param answered called with the status of each answer, 0 when the connection broke
 */
export function openConnection(target: Target, answered: (status: number) => void): Connection {
  let waiting = false
  let text = ''
  const done = (status: number) => {
    if (!waiting) return
    waiting = false
    text = ''
    answered(status)
  }
  const callback = (bytes: number): boolean => {
    const part = received.toString('latin1', 0, bytes)
    text = text === '' ? part : text + part
    const length = lengthOf(text)
    if (length !== undefined && text.length >= length) done(Number(text.slice(9, 12)))
    return true
  }
  const socket = connect({ ...target, noDelay: true, onread: { buffer: received, callback } })
  socket.on('error', () => undefined)
  socket.on('close', () => done(0))
  return {
    send(request) {
      waiting = true
      socket.write(request, 'latin1')
    },
    close: () => void socket.destroy(),
  }
}
