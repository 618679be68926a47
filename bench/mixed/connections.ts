/**
 * Clients' connections to one gateway, each from an address of its own: who pays for bad credentials is told by address.
 *
 * @module
 */
import { openConnection, type Connection } from '../proxy/loads/connection.ts'

const OPEN = 32 // from the beginning
const MOST = 250

/** Called with the status of an answer, 0 when the connection broke, and when its request went out. */
export type Answered = (status: number, sent: number) => void

export interface Connections {
  /** Sends at once, or as soon as a connection is free. */
  send(request: string, answered: Answered): void
}

interface Carrier {
  readonly connection: Connection
  answered: Answered | undefined
  sent: number
}

/** Opens connections to a port of loopback, from `127.0.NET.1` on. */
export function openConnections(port: number, net: number): Connections {
  const idle: Carrier[] = []
  const line: { readonly request: string; readonly answered: Answered }[] = []
  let [open, named] = [0, 0]

  const note = (carrier: Carrier, status: number) => {
    const { answered } = carrier
    carrier.answered = undefined
    if (status === 0) open -= 1
    else idle.push(carrier)
    answered?.(status, carrier.sent)
    const next = idle.length > 0 ? line.shift() : undefined
    if (next !== undefined) send(next.request, next.answered)
  }
  const newCarrier = (): Carrier => {
    open += 1
    named = (named % MOST) + 1
    const localAddress = `127.0.${net}.${named}`
    const connection = openConnection({ host: '127.0.0.1', port, localAddress }, (status) => note(carrier, status))
    const carrier: Carrier = { connection, answered: undefined, sent: 0 }
    return carrier
  }
  const send = (request: string, answered: Answered) => {
    const carrier = idle.pop() ?? (open < MOST ? newCarrier() : undefined)
    if (carrier === undefined) {
      line.push({ request, answered })
      return
    }
    carrier.answered = answered
    carrier.sent = performance.now()
    carrier.connection.send(request)
  }
  for (let index = 0; index < OPEN; index += 1) idle.push(newCarrier())
  return { send }
}
