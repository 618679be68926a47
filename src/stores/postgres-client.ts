/**
 * The client of Postgres, kept from ending the process.
 *
 * Left to itself it throws at an answer that is none, out of an event of its socket, where nobody can catch it.
 * Here the connection ends instead, and with it what was asked on it.
 *
 * @module
 */
import type { Socket } from 'node:net'

import { Client, type ClientConfig } from 'pg'

/** What is known of the connection of a client; it is not part of its interface. */
interface Wire {
  /** Called once, with the stream that answers come on: the socket, or the TLS on it. */
  attachListeners(stream: Socket): void
}

/** Client of a pool. */
export class CalmClient extends Client {
  constructor(config?: ClientConfig) {
    super(config)
    const { connection } = this as unknown as { connection: Wire }
    const attach = connection.attachListeners.bind(connection)
    connection.attachListeners = (stream) => attach(endAtNonsense(stream))
  }
}

function endAtNonsense(stream: Socket): Socket {
  const emit = stream.emit.bind(stream)
  stream.emit = (event: string, ...values: unknown[]) => {
    if (event !== 'data') return emit(event, ...values)
    try {
      return emit(event, ...values)
    } catch (error) {
      stream.destroy(error instanceof Error ? error : new TypeError('not the answer of Postgres'))
      return true
    }
  }
  return stream
}
