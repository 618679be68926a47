/**
 * The wire: sends exact bytes on a connection of their own and reads what comes back, within deadlines and bounds.
 *
 * @module
 */
import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

import { readAnswers, type Answer, type Reading } from './answers.ts'

const MOST_BYTES = 1024 * 1024
const CONNECTING = 5000 // milliseconds

/** Where a deployment listens: an address, so that no second look-up can lead elsewhere. */
export interface Place {
  readonly address: string
  readonly port: number
  /** The name that its certificate must have; undefined without TLS. */
  readonly tls: string | undefined
}

export interface Patience {
  /** Milliseconds until the first final answer. */
  readonly first: number
  /** Milliseconds to wait, behind an answer of this status, for what else comes; 0 leaves at once. */
  readonly more: (status: number) => number
}

export interface Conversation extends Reading {
  /** How the other side ended the connection, or that it did not. */
  readonly end: 'closed' | 'reset' | 'open'
  /** True when there was no final answer in time. */
  readonly silent: boolean
}

/**
 * Sends latin1 text and waits for answers.
 *
 * @throws Error when no connection comes about
 */
export async function converse(place: Place, text: string, patience: Patience): Promise<Conversation> {
  const socket = await open(place)
  const method = /^\w+/.exec(text)?.[0] ?? ''
  const { promise, resolve } = Promise.withResolvers<Conversation>()
  const chunks: Buffer[] = []
  let size = 0
  let end: Conversation['end'] = 'open'
  let answered = false
  let timer = setTimeout(() => finish(), patience.first)

  const finish = () => {
    clearTimeout(timer)
    socket.destroy()
    const reading = readAnswers(Buffer.concat(chunks), method, end !== 'open')
    resolve({ ...reading, end, silent: !hasFinal(reading) })
  }
  const look = () => {
    if (answered) return
    const reading = readAnswers(Buffer.concat(chunks), method, false)
    if (!hasFinal(reading)) return
    answered = true
    clearTimeout(timer)
    const more = patience.more(reading.answers.find(isFinal)?.status ?? 0)
    if (more === 0) finish()
    else timer = setTimeout(finish, more)
  }

  socket.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > MOST_BYTES) finish()
    else {
      chunks.push(chunk)
      look()
    }
  })
  socket.on('end', () => {
    end = 'closed'
    finish()
  })
  socket.on('error', () => {
    end = 'reset'
    finish()
  })
  socket.on('close', () => finish())
  socket.write(text, 'latin1')
  return promise
}

/** Whether a final answer, or what is none at all, has arrived. */
function hasFinal({ answers, garbled }: Reading): boolean {
  return garbled || answers.some(isFinal)
}

function isFinal({ status }: Answer): boolean {
  return status >= 200 || status === 101
}

async function open({ address, port, tls }: Place): Promise<Socket> {
  const signal = AbortSignal.timeout(CONNECTING)
  const socket = connect({ host: address, port, noDelay: true })
  try {
    await once(socket, 'connect', { signal })
    if (tls === undefined) return socket
    const name = isIP(tls) === 0 ? { servername: tls } : { host: tls }
    const secured = connectTls({ socket, ...name, ALPNProtocols: ['http/1.1'] })
    await once(secured, 'secureConnect', { signal })
    return secured
  } catch (error) {
    socket.on('error', () => {}).destroy()
    throw error
  }
}
